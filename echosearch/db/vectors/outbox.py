"""The outbox: changes that the index has not got yet, read in batches and marked when they are sent.

Rows stay until the index has them: ``take_due`` only reads, the caller sends, ``done`` removes what was sent unless
it changed meanwhile. Death in between leaves the rows: replaying them gives the same points. One process relays
at a time (the ingest lock), so no row needs a lock while the index is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from echosearch.db.vectors.points import VECTOR_TABLES, PointRow, heap_ranges, point_rows

__all__ = ["done", "enqueue_everything", "take_due"]


def take_due(connection: Connection, encoder_id: int, collection: str, limit: int, after: int = 0) -> list[PointRow]:
    """Return the oldest ``limit`` changes of one collection behind row ``after``, in the order of the rows.

    A row can become visible behind a younger one: whoever goes on from the last row asks from 0 in the end.
    """
    oldest = (
        "select id, gen, key, op from core.outbox where id = any(array(select id from core.outbox"
        " where encoder_id = :encoder and collection = :collection and id > :after order by id limit :limit))"
    )
    given = {"collection": collection, "limit": limit, "after": after}
    return sorted(point_rows(connection, encoder_id, collection, oldest, given))


def done(connection: Connection, encoder_id: int, collection: str, sent: Sequence[PointRow]) -> None:
    """Record these as sent: drop outbox rows that did not change, note their generation, mark the files indexed."""
    unchanged = set(
        connection.scalars(
            text(
                "delete from core.outbox o using unnest(cast(:ids as bigint[]), cast(:gens as bigint[])) as d(id, gen)"
                " where o.id = d.id and o.gen = d.gen returning o.id"
            ),
            {"ids": [due.due_id for due in sent], "gens": [due.due_gen for due in sent]},
        )
    )
    table, key = VECTOR_TABLES[collection]
    upserts = [due for due in sent if due.vector is not None and due.due_id in unchanged]
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
    """Write outbox rows for every vector of this encoder: so an index is rebuilt without running the encoder."""
    total = 0
    for collection, (table, key) in VECTOR_TABLES.items():
        for bounds in heap_ranges(connection, collection):
            result = connection.execute(
                text(
                    f"insert into core.outbox (encoder_id, collection, key, op, gen)"
                    f" select encoder_id, :collection, {key}, 'upsert', gen from {table} where encoder_id = :encoder"
                    f" and ctid >= cast(:first as tid) and ctid < cast(:end as tid)"
                    f" on conflict (encoder_id, collection, key)"
                    f" do update set id = default, op = 'upsert', gen = excluded.gen"
                ),
                {"collection": collection, "encoder": encoder_id, **bounds},
            )
            total += result.rowcount
    return total
