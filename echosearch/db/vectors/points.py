"""The points of the index as PostgreSQL has them: vector, keys, and the values that a filter can name.

One row a point, whether it is to be sent (outbox.py) or to be compared (comparison.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

__all__ = ["VECTOR_TABLES", "PointRow", "heap_ranges", "key_ranges", "point_rows"]

# collection -> its table of vectors and that table's key
VECTOR_TABLES = {
    "videos": ("core.embedding", "video_key"),
    "studies": ("core.study_embedding", "study_key"),
    "reports": ("core.report_embedding", "report_key"),
}
# collection -> what is joined to the point ``k.key``, whose row of vectors is ``e``
_JOINS = {
    "videos": "left join core.video v on v.video_key = k.key left join core.study s on s.study_key = v.study_key",
    "studies": "left join core.study s on s.study_key = k.key",
    "reports": "left join core.report r on r.report_key = k.key left join core.study s on s.study_key = r.study_key",
}
_STUDY = {"videos": "v.study_key", "studies": "k.key", "reports": "r.study_key"}
_FIELDS = {
    "videos": "v.view, v.view_prob, v.mode, s.sex, s.age, s.month, v.device",
    "studies": "null, null, null, s.sex, s.age, s.month, null",
    "reports": "null, null, null, s.sex, s.age, s.month, null",
}


BLOCKS = 200  # of one statement over a whole table: some 20,000 vectors
RANGE = 20_000  # rows of one statement over all vectors: a second at most, and far below statement_timeout


class PointRow(NamedTuple):
    """A point as it should be; one without a vector (None) should be deleted."""

    due_id: int  # of its outbox row, 0 where it is not due
    due_gen: int
    key: str
    gen: int  # of the vector
    vector: bytes | None
    study: str
    patient: str
    view: str | None
    view_prob: float | None
    mode: str | None
    sex: str | None
    age: int | None
    month: int | None
    device: str | None

    def __repr__(self) -> str:
        return f"PointRow({self.key!r}, gen {self.gen})"  # without its vector


def point_rows(
    connection: Connection, encoder_id: int, collection: str, keys: str, given: Mapping[str, object]
) -> list[PointRow]:
    """Return the points named by the query ``keys``, ``given`` bound: rows of (id, gen, key, op) as in core.outbox."""
    table, key = VECTOR_TABLES[collection]
    query = f"""
        select k.id, k.gen, cast(k.key as text), coalesce(e.gen, 0), case k.op when 'upsert' then e.vector end,
               coalesce(cast({_STUDY[collection]} as text), ''), coalesce(cast(s.patient_key as text), ''),
               {_FIELDS[collection]}
        from ({keys}) k
        left join {table} e on e.encoder_id = :encoder and e.{key} = k.key
        {_JOINS[collection]}"""
    rows = connection.execute(text(query), {"encoder": encoder_id, **given}, execution_options={"binary": True})
    return [*map(PointRow._make, rows.all())]


def key_ranges(connection: Connection, encoder_id: int, collection: str, size: int = RANGE) -> Iterator[dict[str, str]]:
    """Yield ranges of keys, ``after`` (not in it) to ``last`` (in it), of ``size`` vectors each; the last is open.

    Together they hold every key, also those that no vector has.
    """
    table, key = VECTOR_TABLES[collection]
    query = text(  # sorted by e.{key}: {key} alone is the text, for which all that are left would be sorted each time
        f"select cast(e.{key} as text) from {table} e where e.encoder_id = :encoder and e.{key} > cast(:after as uuid)"
        f" order by e.{key} offset :skipped limit 1"
    )
    after = str(UUID(int=0))
    while True:
        last = connection.scalar(query, {"encoder": encoder_id, "after": after, "skipped": size - 1})
        yield {"after": after, "last": last or str(UUID(int=2**128 - 1))}
        if last is None:
            return
        after = last


def heap_ranges(connection: Connection, collection: str, blocks: int = BLOCKS) -> Iterator[dict[str, str]]:
    """Yield ranges of row addresses, ``first`` (in it) to ``end`` (not in it), that hold a whole table of vectors.

    In the order of the disk: by keys, each page would be read, and logged, once for every few of its rows.
    """
    table, _ = VECTOR_TABLES[collection]
    query = text(f"select pg_relation_size('{table}') / cast(current_setting('block_size') as bigint)")
    for block in range(0, int(connection.execute(query).scalar_one()), blocks):
        yield {"first": f"({block},0)", "end": f"({block + blocks},0)"}
