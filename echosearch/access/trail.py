"""The audit: each act is written, and committed, before its answer is given. A failure to write is a refusal.

    mac(n) = HMAC(key, mac(n - 1), the row n as JSON)

The key is outside the database. A changed, removed or inserted row breaks the chain. That rows were cut off its end
shows by the heads: they are noted in a file beside the key once a day, and when a server starts and ends.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from echosearch.access.keys import AccessKeys, load_keys
from echosearch.archive import Archive
from echosearch.db.access.audit import AuditEntry, append_entry, audit_entries, last_entries, lock_audit
from echosearch.db.access.viewer import Viewer
from echosearch.errors import ConfigError

__all__ = ["HEAD_LOG", "AuditCheck", "Broken", "Trail", "entry_json", "open_trail"]

HEAD_LOG = "echosearch.audit"
FIRST = b"\0" * 32  # the mac before the first row
MOST_KEYS = 5000  # of one row: an export is several


@dataclass(frozen=True)
class Broken:
    """Where the chain does not hold, and how."""

    seq: int
    problem: str


@dataclass(frozen=True)
class AuditCheck:
    entries: int
    heads: int  # that were compared
    problems: tuple[Broken, ...]


class Trail:
    """Appends to the audit and verifies it."""

    def __init__(self, archive: Archive, keys: AccessKeys) -> None:
        self._engine, self.keys = archive.engine, keys
        self._heads = archive.settings.access_key_path.with_name("audit.heads")
        self._noted = _last_day(self._heads)  # of the last head

    def record(
        self,
        viewer: Viewer,
        via: str,
        action: str,
        *,
        keys: Sequence[str] = (),
        query: str = "",
        outcome: str = "done",
    ) -> None:
        """Append one act and commit it. Raises ConfigError if the chain has another key, StoreUnreachable."""
        told = json.dumps({"query": query, "reason": viewer.reason}, ensure_ascii=False).encode()
        parts = [tuple(keys[at : at + MOST_KEYS]) for at in range(0, len(keys), MOST_KEYS)] or [()]
        with self._engine.begin() as connection:
            lock_audit(connection)
            last = last_entries(connection, 2)
            self._check_key(last)
            seq, before = (last[0].seq, last[0].mac) if last else (0, FIRST)
            for part in parts:
                seq += 1
                entry = AuditEntry(
                    seq,
                    datetime.now(UTC).isoformat(timespec="milliseconds"),
                    viewer.name,
                    viewer.role or "",
                    viewer.project or "",
                    via,
                    action,
                    outcome,
                    part,
                    self.keys.mac("query", query.encode()) if query else None,
                    self.keys.seal(told) if query or viewer.reason else None,
                    b"",
                )
                entry = replace(entry, mac=self._mac(before, entry))
                append_entry(connection, entry)
                before = entry.mac
        if entry.at[:10] != self._noted:
            self.note_head(entry)

    def note_head(self, entry: AuditEntry | None = None) -> None:
        """Add the last row's number and mac to the file of heads, and to the log: it may go to another machine."""
        if entry is None:
            with self._engine.connect() as connection:
                last = last_entries(connection, 1)
            if not last:
                return
            entry = last[0]
        self._noted = entry.at[:10]
        logging.getLogger(HEAD_LOG).info("head %d %s %s", entry.seq, entry.mac.hex(), entry.at)
        descriptor = os.open(self._heads, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(f"{entry.seq} {entry.mac.hex()} {entry.at}\n")

    def verify(self) -> AuditCheck:
        """Compute the whole chain again, and compare it with the heads. Memory does not grow with the audit."""
        problems: list[Broken] = []
        heads = _read_heads(self._heads)
        compared, expected, before = 0, 1, FIRST
        with self._engine.connect() as connection:
            for entry in audit_entries(connection):
                if entry.seq != expected:
                    problems.append(Broken(expected, f"missing: the next row is {entry.seq}"))
                if entry.mac != self._mac(before, entry):
                    problems.append(Broken(entry.seq, "changed, or the row before it was"))
                if (noted := heads.pop(entry.seq, None)) is not None:
                    compared += 1
                    if noted != entry.mac:
                        problems.append(Broken(entry.seq, "not the row that was noted in the file of heads"))
                expected, before = entry.seq + 1, entry.mac
        problems += [Broken(seq, "was noted in the file of heads and is gone") for seq in sorted(heads)]
        return AuditCheck(expected - 1, compared, tuple(problems))

    def opened(self, entry: AuditEntry) -> dict[str, str]:
        """Return the query and the reason of a row."""
        if entry.sealed is None:
            return {"query": "", "reason": ""}
        told: dict[str, str] = json.loads(self.keys.unseal(entry.sealed))
        return told

    def _check_key(self, last: Sequence[AuditEntry]) -> None:
        if last and last[0].mac != self._mac(last[1].mac if len(last) > 1 else FIRST, last[0]):
            raise ConfigError(
                "the last row of the audit does not follow from the one before it under this access key: restore the"
                " key that the audit was begun with, or see echosearch audit verify"
            )

    def _mac(self, before: bytes, entry: AuditEntry) -> bytes:
        return self.keys.mac("audit", before + _canonical(entry))


def open_trail(archive: Archive) -> Trail:
    """Open the audit; its first row makes its key. Raises ConfigError if the key is missing later."""
    with archive.engine.connect() as connection:
        begun = bool(last_entries(connection, 1))
    return Trail(archive, load_keys(archive.settings, create=not begun))


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """Return a row without what is encrypted."""
    return {
        "seq": entry.seq,
        "at": entry.at,
        "who": entry.who,
        "role": entry.role,
        "project": entry.project,
        "via": entry.via,
        "action": entry.action,
        "outcome": entry.outcome,
        "keys": list(entry.keys),
        "query_mac": None if entry.query_mac is None else entry.query_mac.hex(),
        "mac": entry.mac.hex(),
    }


def _canonical(entry: AuditEntry) -> bytes:
    fields = {name: value for name, value in vars(entry).items() if name != "mac"}
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
    return json.dumps(shown, ensure_ascii=True, sort_keys=True).encode()


def _last_day(file: Path) -> str:
    """The day of the last head, empty if there is none."""
    if not file.exists():
        return ""
    with file.open("rb") as handle:
        handle.seek(max(0, file.stat().st_size - 200))
        words = handle.read().split()
    return words[-1][:10].decode() if words else ""


def _read_heads(file: Path) -> dict[int, bytes]:
    if not file.exists():
        return {}
    lines = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    return {int(line[0]): bytes.fromhex(line[1]) for line in lines if len(line) == 3}
