"""Compare the index with PostgreSQL, both ways, in PostgreSQL: the index's points go into a temporary table.

A range of keys at a time, so that ten million points need neither memory here nor one long statement. Points that the
outbox still holds are due, not wrong. What differs is kept in a second table, from which it is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from echosearch.batch import batched
from echosearch.db.files.backing import BACKED
from echosearch.db.vectors.points import VECTOR_TABLES, PointRow, key_ranges, point_rows
from echosearch.db.vectors.write import enqueue

__all__ = [
    "LISTED",
    "Differences",
    "SeenPoint",
    "add_foreign",
    "add_seen",
    "compare",
    "foreign_points",
    "ledger_faults",
    "points_of",
    "repair",
    "start_comparison",
]

LISTED = 1000  # keys of one kind of difference that are named; all are counted, and repaired
REPAIRED = 10_000  # keys at a time


@dataclass(frozen=True)
class SeenPoint:
    """A point as the index has it."""

    key: str
    fits: bool  # it is what Postgres says, its vector up to the index's precision


@dataclass(frozen=True)
class Differences:
    """Keys of one collection that differ, and ids of foreign points: the first LISTED of each kind, and how many.

    ``due`` counts points that are not sent yet.
    """

    collection: str
    points: int
    missing: tuple[str, ...]  # in Postgres, not in the index
    stale: tuple[str, ...]  # another generation, vector or payload
    orphans: tuple[str, ...]  # in the index, not in Postgres
    foreign_ids: tuple[str, ...]  # ids of points that are not those of their keys: whoever sent them, not this relay
    due: int
    counts: Mapping[str, int]  # of missing, stale, orphans, strangers: also those that are not named

    @property
    def count(self) -> int:
        return sum(self.counts.values())


def start_comparison(connection: Connection) -> None:
    """Make empty temporary tables for one collection's points; they end with the transaction."""
    for statement in (
        "drop table if exists pg_temp.seen, pg_temp.differing",
        "create temporary table seen (key uuid, fits boolean) on commit drop",
        "create temporary table differing (what text, key uuid, gen bigint) on commit drop",
    ):
        connection.execute(text(statement))


def add_seen(connection: Connection, points: Sequence[SeenPoint]) -> None:
    connection.execute(
        text("insert into seen select * from unnest(cast(:keys as uuid[]), cast(:fits as boolean[]))"),
        {"keys": [point.key for point in points], "fits": [point.fits for point in points]},
    )


def add_foreign(connection: Connection, ids: Sequence[UUID]) -> None:
    """Note points that are not those of their keys."""
    if ids:
        connection.execute(
            text("insert into differing (what, key) select 'strangers', id from unnest(cast(:ids as uuid[])) as d(id)"),
            {"ids": list(ids)},
        )


def points_of(connection: Connection, encoder_id: int, collection: str, keys: Sequence[str]) -> dict[str, PointRow]:
    """Return these points as they should be, by key, for those that have a vector."""
    query = "select 0 as id, 0 as gen, key, 'upsert' as op from unnest(cast(:keys as uuid[])) as wanted(key)"
    rows = point_rows(connection, encoder_id, collection, query, {"keys": list(keys)})
    return {row.key: row for row in rows if row.vector is not None}


def compare(connection: Connection, encoder_id: int, collection: str) -> Differences:
    """Compare the seen points with the rows of one collection."""
    table, key = VECTOR_TABLES[collection]
    for statement in ("create index on seen (key)", "create index on differing (what, key)", "analyze seen"):
        connection.execute(text(statement))
    query = text(
        "insert into differing (what, key, gen) select case when s.key is null then 'missing' when e.key is null then"
        " 'orphans' else 'stale' end, coalesce(e.key, s.key), coalesce(e.gen, 0)"
        f" from (select {key} as key, gen from {table} where encoder_id = :encoder"
        f"  and {key} > cast(:after as uuid) and {key} <= cast(:last as uuid)) e"
        " full join (select * from seen where key > cast(:after as uuid) and key <= cast(:last as uuid)) s"
        " on s.key = e.key where (s.key is null or e.key is null or not s.fits) and not exists (select from core.outbox"
        " o where o.encoder_id = :encoder and o.collection = :collection and o.key = coalesce(e.key, s.key))"
    )
    bound = {"encoder": encoder_id, "collection": collection}
    for bounds in key_ranges(connection, encoder_id, collection):
        connection.execute(query, bound | bounds)
    counts = dict.fromkeys(("missing", "stale", "orphans", "strangers"), 0)
    counts |= {
        row.what: row.n for row in connection.execute(text("select what, count(*) as n from differing group by 1"))
    }
    seen = connection.execute(text("select count(*) from seen")).scalar_one()
    due = text("select count(*) from core.outbox where encoder_id = :encoder and collection = :collection")
    return Differences(
        collection=collection,
        points=seen + counts["strangers"],
        missing=_named(connection, "missing"),
        stale=_named(connection, "stale"),
        orphans=_named(connection, "orphans"),
        foreign_ids=_named(connection, "strangers"),
        due=connection.execute(due, bound).scalar_one(),
        counts=counts,
    )


def _named(connection: Connection, what: str) -> tuple[str, ...]:
    query = text("select cast(d.key as text) from differing d where what = :what order by d.key limit :most")
    return tuple(connection.scalars(query, {"what": what, "most": LISTED}))


def repair(connection: Connection, encoder_id: int, collection: str) -> None:
    """Write outbox rows that repair the index: missing and stale points are sent again, orphans are deleted.

    Strangers have no row and no key: the caller deletes them by their ids.
    """
    for what, op in (("missing", "upsert"), ("stale", "upsert"), ("orphans", "delete")):
        for rows in _differing(connection, what):
            enqueue(connection, encoder_id, collection, op, rows)


def foreign_points(connection: Connection) -> Iterator[list[UUID]]:
    """Yield the ids of the points that add_foreign noted, a batch at a time."""
    for rows in _differing(connection, "strangers"):
        yield from ([UUID(id) for id in ids] for ids in batched(rows, LISTED))


def _differing(connection: Connection, what: str) -> Iterator[dict[str, int]]:
    """Yield key -> generation of what differs so, a batch at a time."""
    query = text(
        "select cast(d.key as text), gen from differing d where what = :what and d.key > cast(:after as uuid)"
        " order by d.key limit :most"
    )
    after = str(UUID(int=0))
    while rows := connection.execute(query, {"what": what, "after": after, "most": REPAIRED}).all():
        after = rows[-1][0]
        yield {key: gen or 0 for key, gen in rows}


def ledger_faults(connection: Connection, encoder_id: int) -> list[str]:
    """Return the contradictions within PostgreSQL, each a line for a person, without keys of patients."""
    checks = {
        "files are called indexed or embedded and have no vector": (
            "select count(*) from core.source_file f where f.state in ('indexed', 'embedded') and not exists"
            " (select 1 from core.embedding e where e.video_key = f.video_key and e.encoder_id = :encoder)"
        ),
        "videos are searchable and no file backs them": (
            f"select count(*) from core.embedding e where e.encoder_id = :encoder and not {BACKED}"
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
