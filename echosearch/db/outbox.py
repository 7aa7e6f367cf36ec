"""The outbox: what the index still has to be told, read in batches and marked when it has been.

Rows stay until the index has them: ``take`` only reads, the caller sends, ``done`` removes what was sent unless
it changed meanwhile. Death in between leaves the rows: replaying them gives the same points. One process relays
at a time (the ingest lock), so no row needs a lock while the index is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

__all__ = ["VECTOR_TABLES", "Due", "done", "enqueue_everything", "take"]

# what an upsert carries, per collection, in the order of Due; a row whose vector is gone meanwhile has none
_DUE = "select o.id, o.gen, cast(o.key as text), coalesce(e.gen, 0), case o.op when 'upsert' then e.vector end"
_OLDEST = """o.id = any(array(
            select id from core.outbox where encoder_id = :encoder and collection = :collection and id > :after
            order by id limit :limit))"""
_SELECT = {
    "videos": f"""
        {_DUE}, coalesce(cast(v.study_key as text), ''), coalesce(cast(s.patient_key as text), ''),
               v.view, v.view_prob, v.mode, p.sex, s.age, s.month, v.device
        from core.outbox o
        left join core.embedding e on e.encoder_id = o.encoder_id and e.video_key = o.key
        left join core.video v on v.video_key = o.key
        left join core.study s on s.study_key = v.study_key
        left join core.patient p on p.patient_key = s.patient_key
        where {_OLDEST}""",
    "studies": f"""
        {_DUE}, cast(o.key as text), coalesce(cast(s.patient_key as text), ''),
               null, null, null, p.sex, s.age, s.month,
               (select min(v.device) from core.video v where v.study_key = o.key)
        from core.outbox o
        left join core.study_embedding e on e.encoder_id = o.encoder_id and e.study_key = o.key
        left join core.study s on s.study_key = o.key
        left join core.patient p on p.patient_key = s.patient_key
        where {_OLDEST}""",
    "reports": f"""
        {_DUE}, coalesce(cast(r.study_key as text), ''), coalesce(cast(s.patient_key as text), ''),
               null, null, null, p.sex, s.age, s.month, null
        from core.outbox o
        left join core.report_embedding e on e.encoder_id = o.encoder_id and e.report_key = o.key
        left join core.report r on r.report_key = o.key
        left join core.study s on s.study_key = r.study_key
        left join core.patient p on p.patient_key = s.patient_key
        where {_OLDEST}""",
}
# collection -> its table of vectors and that table's key
VECTOR_TABLES = {
    "videos": ("core.embedding", "video_key"),
    "studies": ("core.study_embedding", "study_key"),
    "reports": ("core.report_embedding", "report_key"),
}


class Due(NamedTuple):
    """One point that the index must get (``vector`` set) or lose (``vector`` None)."""

    id: int
    due_gen: int  # of the outbox row
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
        return f"Due({self.id}, {self.key!r}, gen {self.gen})"  # without its vector


def take(connection: Connection, encoder_id: int, collection: str, limit: int, after: int = 0) -> list[Due]:
    """The oldest ``limit`` rows of one collection behind row ``after``, in their order, with what their points are to
    be. A row can become visible behind a younger one: whoever goes on from the last row asks from 0 in the end."""
    rows = connection.execute(
        text(_SELECT[collection]),
        {"encoder": encoder_id, "collection": collection, "limit": limit, "after": after},
        execution_options={"binary": True},
    )
    return sorted(map(Due._make, rows.all()))


def done(connection: Connection, encoder_id: int, collection: str, sent: Sequence[Due]) -> None:
    """The index has these: drop the outbox rows that did not change, note their generation, call the files indexed."""
    unchanged = set(
        connection.scalars(
            text(
                "delete from core.outbox o using unnest(cast(:ids as bigint[]), cast(:gens as bigint[])) as d(id, gen)"
                " where o.id = d.id and o.gen = d.gen returning o.id"
            ),
            {"ids": [due.id for due in sent], "gens": [due.due_gen for due in sent]},
        )
    )
    table, key = VECTOR_TABLES[collection]
    upserts = [due for due in sent if due.vector is not None and due.id in unchanged]
    # one array literal: the driver would look at each key of a list for what must be escaped
    keys = {"keys": "{" + ",".join(due.key for due in upserts) + "}", "encoder": encoder_id}
    connection.execute(
        text(
            f"update {table} e set indexed_gen = d.gen"
            f" from unnest(cast(:keys as uuid[]), cast(:gens as bigint[])) as d(key, gen)"
            f" where e.encoder_id = :encoder and e.{key} = d.key"
        ),
        {**keys, "gens": [due.gen for due in upserts]},
    )
    if collection == "videos":
        connection.execute(
            text(
                "update core.source_file set state = 'indexed', updated_at = now()"
                " where video_key = any(cast(:keys as uuid[])) and state = 'embedded'"
            ),
            {"keys": keys["keys"]},
        )


def enqueue_everything(connection: Connection, encoder_id: int) -> int:
    """Outbox rows for every vector of this encoder: how an index is rebuilt without an encoder."""
    total = 0
    for collection, (table, key) in VECTOR_TABLES.items():
        result = connection.execute(
            text(
                f"insert into core.outbox (encoder_id, collection, key, op, gen)"
                f" select encoder_id, :collection, {key}, 'upsert', gen from {table} where encoder_id = :encoder"
                f" on conflict (encoder_id, collection, key)"
                f" do update set id = default, op = 'upsert', gen = excluded.gen"
            ),
            {"collection": collection, "encoder": encoder_id},
        )
        total += result.rowcount
    return total
