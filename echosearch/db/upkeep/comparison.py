"""Compare the index with PostgreSQL, both ways, in PostgreSQL: the index's points go into a temporary table.

Set-based, so that ten million points need no memory here. Points that the outbox still holds are due, not wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.db.files.backing import UNBACKED
from echosearch.db.vectors.points import VECTOR_TABLES, PointRow, point_rows
from echosearch.db.vectors.write import enqueue

__all__ = [
    "Differences",
    "SeenPoint",
    "add_seen",
    "compare",
    "ledger_faults",
    "points_of",
    "repair",
    "start_comparison",
]


@dataclass(frozen=True)
class SeenPoint:
    """A point as the index has it."""

    key: str
    fits: bool  # it is what Postgres says, its vector up to the index's precision


@dataclass(frozen=True)
class Differences:
    """Keys of one collection that differ, and ids of foreign points. ``due`` counts points that are not sent yet."""

    collection: str
    points: int
    missing: tuple[str, ...]  # in Postgres, not in the index
    stale: tuple[str, ...]  # another generation, vector or payload
    orphans: tuple[str, ...]  # in the index, not in Postgres
    foreign_ids: tuple[str, ...]  # ids of points that are not those of their keys: whoever sent them, not this relay
    due: int

    @property
    def count(self) -> int:
        return len(self.missing) + len(self.stale) + len(self.orphans) + len(self.foreign_ids)


def start_comparison(connection: Connection) -> None:
    """Make an empty temporary table for one collection's points; it ends with the transaction."""
    connection.execute(text("drop table if exists pg_temp.seen"))
    connection.execute(text("create temporary table seen (key uuid, fits boolean) on commit drop"))


def add_seen(connection: Connection, points: Sequence[SeenPoint]) -> None:
    connection.execute(
        text("insert into seen select * from unnest(cast(:keys as uuid[]), cast(:fits as boolean[]))"),
        {"keys": [point.key for point in points], "fits": [point.fits for point in points]},
    )


def points_of(connection: Connection, encoder_id: int, collection: str, keys: Sequence[str]) -> dict[str, PointRow]:
    """Return these points as they should be, by key, for those that have a vector."""
    query = "select 0 as id, 0 as gen, key, 'upsert' as op from unnest(cast(:keys as uuid[])) as wanted(key)"
    rows = point_rows(connection, encoder_id, collection, query, {"keys": list(keys)})
    return {row.key: row for row in rows if row.vector is not None}


def compare(connection: Connection, encoder_id: int, collection: str, foreign_ids: Sequence[str]) -> Differences:
    """Compare the seen points with the rows of one collection; ``foreign_ids`` are not among the seen."""
    table, key = VECTOR_TABLES[collection]
    bound = {"encoder": encoder_id, "collection": collection}
    not_due = (
        "not exists (select 1 from core.outbox o where o.encoder_id = :encoder"
        " and o.collection = :collection and o.key = "
    )

    def keys(query: str) -> tuple[str, ...]:
        return tuple(connection.scalars(text(query), bound))

    return Differences(
        collection=collection,
        points=connection.execute(text("select count(*) from seen")).scalar_one() + len(foreign_ids),
        missing=keys(
            f"select cast(e.{key} as text) from {table} e left join seen s on s.key = e.{key}"
            f" where e.encoder_id = :encoder and s.key is null and {not_due} e.{key}) order by 1"
        ),
        stale=keys(
            f"select cast(e.{key} as text) from {table} e join seen s on s.key = e.{key}"
            f" where e.encoder_id = :encoder and {not_due} e.{key}) and not s.fits order by 1"
        ),
        orphans=keys(
            f"select cast(s.key as text) from seen s left join {table} e"
            f" on e.{key} = s.key and e.encoder_id = :encoder where e.{key} is null and {not_due} s.key) order by 1"
        ),
        foreign_ids=tuple(foreign_ids),
        due=connection.execute(
            text("select count(*) from core.outbox where encoder_id = :encoder and collection = :collection"), bound
        ).scalar_one(),
    )


def repair(connection: Connection, encoder_id: int, found: Differences) -> None:
    """Write outbox rows that repair the index: missing and stale points are sent again, orphans are deleted.

    Strangers have no row and no key: the caller deletes them by their ids.
    """
    table, key = VECTOR_TABLES[found.collection]
    rows = connection.execute(
        text(
            f"select cast({key} as text) as key, gen from {table}"
            f" where encoder_id = :encoder and {key} = any(cast(:keys as uuid[]))"
        ),
        {"encoder": encoder_id, "keys": [*found.missing, *found.stale]},
    )
    enqueue(connection, encoder_id, found.collection, "upsert", {row.key: row.gen for row in rows})
    enqueue(connection, encoder_id, found.collection, "delete", dict.fromkeys(found.orphans, 0))


def ledger_faults(connection: Connection, encoder_id: int) -> list[str]:
    """Return the contradictions within PostgreSQL, each a line for a person, without keys of patients."""
    checks = {
        "files are called indexed or embedded and have no vector": (
            "select count(*) from core.source_file f where f.state in ('indexed', 'embedded') and not exists"
            " (select 1 from core.embedding e where e.video_key = f.video_key and e.encoder_id = :encoder)"
        ),
        "videos are searchable and no file backs them": (
            f"select count(*) from core.embedding e where e.encoder_id = :encoder and {UNBACKED}"
        ),
        "videos are backed by more than one file": (
            "select count(*) from (select video_key from core.source_file"
            " where state in ('admitted', 'embedded', 'indexed') group by video_key having count(*) > 1) d"
        ),
        "studies have videos and no study vector": (
            "select count(distinct v.study_key) from core.embedding e join core.video v using (video_key)"
            " where e.encoder_id = :encoder and not exists (select 1 from core.study_embedding s"
            " where s.study_key = v.study_key and s.encoder_id = :encoder)"
        ),
        "studies have a study vector and no videos": (
            "select count(*) from core.study_embedding s where s.encoder_id = :encoder and not exists"
            " (select 1 from core.video v join core.embedding e using (video_key)"
            " where v.study_key = s.study_key and e.encoder_id = :encoder)"
        ),
    }
    counts = {
        fault: int(connection.execute(text(query), {"encoder": encoder_id}).scalar_one())
        for fault, query in checks.items()
    }
    return [f"{count} {fault}" for fault, count in counts.items() if count]
