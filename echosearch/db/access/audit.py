"""The audit's rows: added at the end of a chain, one writer at a time, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

__all__ = ["AuditEntry", "append_entry", "audit_entries", "last_entries", "lock_audit"]

AUDIT_LOCK = 0x6563686F_02  # "echo" 2: an advisory lock of the database
_COLUMNS = "seq, at, who, role, project, via, action, outcome, keys, query_mac, sealed, mac"
_BATCH = 1000


@dataclass(frozen=True)
class AuditEntry:
    """One act: who did what, when, and which pseudonymous keys were shown."""

    seq: int
    at: str  # ISO 8601, UTC
    who: str
    role: str
    project: str
    via: str
    action: str
    outcome: str
    keys: tuple[str, ...] = field(repr=False)
    query_mac: bytes | None = field(repr=False)
    sealed: bytes | None = field(repr=False)
    mac: bytes = field(repr=False)


def lock_audit(connection: Connection) -> None:
    """Let one process append at a time, until the end of the transaction."""
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": AUDIT_LOCK})


def append_entry(connection: Connection, entry: AuditEntry) -> None:
    connection.execute(
        text(
            f"insert into access.audit ({_COLUMNS}) values (:seq, :at, :who, :role, :project, :via, :action, :outcome,"
            " :keys, :query_mac, :sealed, :mac)"
        ),
        {**vars(entry), "keys": list(entry.keys)},
    )


def last_entries(connection: Connection, count: int, before: int | None = None) -> list[AuditEntry]:
    """Return the last ``count`` entries, the newest first; with ``before`` those of a smaller number."""
    rows = connection.execute(
        text(
            f"select {_COLUMNS} from access.audit where cast(:before as bigint) is null or seq < :before"
            " order by seq desc limit :count"
        ),
        {"count": count, "before": before},
    )
    return [AuditEntry(**{**row._mapping, "keys": tuple(row.keys)}) for row in rows]


def audit_entries(connection: Connection) -> Iterator[AuditEntry]:
    """Yield every entry in order, ``_BATCH`` in memory."""
    with connection.execute(
        text(f"select {_COLUMNS} from access.audit order by seq"),
        execution_options={"stream_results": True, "yield_per": _BATCH},
    ) as rows:
        for row in rows:
            yield AuditEntry(**{**row._mapping, "keys": tuple(row.keys)})
