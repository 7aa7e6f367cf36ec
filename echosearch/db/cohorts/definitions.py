"""Definitions of cohorts by name, as TOML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

__all__ = ["StoredCohort", "drop_definition", "put_definition", "read_definition", "stored_cohorts"]


@dataclass(frozen=True)
class StoredCohort:
    """A name, its definition if it has one, and its snapshots' numbers."""

    name: str
    definition: str | None  # TOML; None: deleted, its snapshots are kept
    created_at: datetime | None
    snapshots: tuple[int, ...]


def put_definition(connection: Connection, name: str, definition: str, replace: bool) -> bool:
    """Store a definition; return False, and change nothing, where the name exists and ``replace`` is False."""
    conflict = "do update set definition = excluded.definition, created_at = now()" if replace else "do nothing"
    made = connection.execute(
        text(f"insert into core.cohort (name, definition) values (:name, :toml) on conflict (name) {conflict}"),
        {"name": name, "toml": definition},
    )
    return bool(made.rowcount)


def read_definition(connection: Connection, name: str) -> str | None:
    found = connection.scalar(text("select definition from core.cohort where name = :name"), {"name": name})
    return None if found is None else str(found)


def drop_definition(connection: Connection, name: str) -> bool:
    """Delete a definition; its snapshots stay. Return whether there was one."""
    return bool(connection.execute(text("delete from core.cohort where name = :name"), {"name": name}).rowcount)


def stored_cohorts(connection: Connection) -> list[StoredCohort]:
    """Return every name, in order."""
    rows = connection.execute(
        text(
            "select name, c.definition, c.created_at,"
            " coalesce(array_agg(s.number order by s.number) filter (where s.number is not null), '{}') as numbers"
            " from core.cohort c full join core.cohort_snapshot s using (name)"
            " group by name, c.definition, c.created_at order by name"
        )
    )
    return [StoredCohort(row.name, row.definition, row.created_at, tuple(row.numbers)) for row in rows]
