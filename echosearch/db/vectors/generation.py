"""Which encoder's vectors the archive serves, and which others it holds.

A generation is one encoder's set of vectors: building -> active -> retired, and active again. A change in the
archive changes all of them; only the active one answers, and only its index is kept up to date.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from echosearch.db.server.statement import statement
from echosearch.db.vectors.points import VECTOR_TABLES, heap_ranges
from echosearch.encoder_info import EncoderInfo

__all__ = [
    "GenerationCount",
    "IndexedCounts",
    "activate",
    "active_encoder",
    "begin_generation",
    "contents",
    "delete_generation",
    "encoder_row",
    "encoders_named",
    "generation_encoders",
    "generations",
    "has_vectors",
    "register_encoder",
    "serving_encoder",
]

MIN_PREFIX = 8  # hex digits of a fingerprint
_ACTIVE = "(select encoder_id from core.generation where state = 'active')"
# by the keys: a scan of the table, which "exists" would be, goes through all the room of a generation that was dropped
_ANY_VECTOR = (
    "((select video_key from core.embedding where encoder_id = {0} order by video_key limit 1) is not null"
    " or (select report_key from core.report_embedding where encoder_id = {0} order by report_key limit 1) is not null)"
)


@dataclass(frozen=True)
class GenerationCount:
    """One encoder's vectors in Postgres."""

    encoder: EncoderInfo
    state: str  # building, active, retired
    videos: int


@dataclass(frozen=True)
class IndexedCounts:
    """How much is indexed by one encoder."""

    patients: int
    studies: int
    videos: int
    reports: int


def encoder_row(connection: Connection, fingerprint: str) -> int | None:
    """Return the row id of an encoder, None if it never made a vector here. Unlike register_encoder this only reads."""
    row = connection.execute(
        text("select id from core.encoder where fingerprint = :fingerprint"), {"fingerprint": fingerprint}
    ).one_or_none()
    return None if row is None else int(row.id)


def active_encoder(connection: Connection) -> EncoderInfo | None:
    """Return the encoder of the active generation, None if nothing was ever ingested."""
    row = connection.execute(text(f"select * from core.encoder where id = {_ACTIVE}")).one_or_none()
    return None if row is None else _encoder(row)


def generations(connection: Connection) -> list[GenerationCount]:
    """Return the generations, the active one first, then the latest first."""
    rows = connection.execute(
        text(
            "select e.*, g.state, (select count(*) from core.embedding v where v.encoder_id = e.id) as videos"
            " from core.encoder e join core.generation g on g.encoder_id = e.id"
            " order by g.state <> 'active', g.id desc"
        )
    )
    return [GenerationCount(_encoder(row), row.state, row.videos) for row in rows]


def generation_encoders(connection: Connection) -> list[tuple[int, EncoderInfo]]:
    """Return (row id, encoder) of those that have a generation here."""
    rows = connection.execute(
        text("select e.* from core.encoder e join core.generation g on g.encoder_id = e.id order by e.id")
    )
    return [(row.id, _encoder(row)) for row in rows]


def encoders_named(connection: Connection, name: str) -> list[tuple[int, EncoderInfo]]:
    """Return (row id, encoder) of those with this name, name-fingerprint or start of a fingerprint: those with
    vectors here if there are any, else all."""
    rows = connection.execute(
        text(
            "select e.*, g.id is not null as here from core.encoder e"
            " left join core.generation g on g.encoder_id = e.id"
            " where e.name = :name or e.name || '-' || left(e.fingerprint, 12) = :name"
            " or (length(:name) >= :least and starts_with(e.fingerprint, :name)) order by e.id"
        ),
        {"name": name, "least": MIN_PREFIX},
    ).all()
    return [(row.id, _encoder(row)) for row in rows if row.here or not any(other.here for other in rows)]


def _encoder(row: Row[Any]) -> EncoderInfo:
    return EncoderInfo(row.name, row.version, row.fingerprint, row.dimension, row.licence, row.provenance, row.trained)


def register_encoder(connection: Connection, encoder: EncoderInfo) -> int:
    """Return the row id of this encoder, which is added if it is new."""
    connection.execute(
        text(
            "insert into core.encoder (fingerprint, name, version, dimension, licence, provenance, trained)"
            " values (:fingerprint, :name, :version, :dimension, :licence, :provenance, :trained)"
            " on conflict do nothing"
        ),
        asdict(encoder),
    )
    row = connection.execute(
        text("select id from core.encoder where fingerprint = :fingerprint"), {"fingerprint": encoder.fingerprint}
    )
    return int(row.scalar_one())


def activate(connection: Connection, encoder_id: int) -> None:
    """Make this encoder's generation the one that answers queries; the one before is retired."""
    connection.execute(text("update core.generation set state = 'retired' where state = 'active'"))
    connection.execute(
        text(
            "insert into core.generation (encoder_id, state, activated_at) values (:encoder, 'active', now())"
            " on conflict (encoder_id) do update set state = 'active', activated_at = now()"
        ),
        {"encoder": encoder_id},
    )


def serving_encoder(connection: Connection) -> tuple[int, EncoderInfo] | None:
    """Return the row id and the encoder of the active generation, None if that holds no vector yet."""
    row = connection.execute(
        statement(  # its columns by name: a prepared "*" fails once when a migration beside it adds one
            "select id, name, version, fingerprint, dimension, licence, provenance, trained"
            f" from core.encoder e where id = {_ACTIVE} and {_ANY_VECTOR.format('e.id')}"
        )
    ).one_or_none()
    return None if row is None else (row.id, _encoder(row))


def has_vectors(connection: Connection) -> bool:
    """Return True if the active generation holds any vector yet."""
    return bool(connection.scalar(text(f"select {_ANY_VECTOR.format(_ACTIVE)}")))


def begin_generation(connection: Connection, encoder_id: int) -> None:
    """Make sure that this encoder has a generation: a new one is building, an existing one is left as it is."""
    connection.execute(
        text("insert into core.generation (encoder_id, state) values (:encoder, 'building') on conflict do nothing"),
        {"encoder": encoder_id},
    )


def delete_generation(connection: Connection, encoder_id: int) -> int:
    """Delete an inactive encoder's vectors and their outbox rows; return how many videos had a vector."""
    given = {"encoder": encoder_id}
    assert connection.scalar(text("select state from core.generation where encoder_id = :encoder"), given) != "active"
    connection.execute(text("delete from core.generation where encoder_id = :encoder"), given)
    connection.execute(text("delete from core.report_attempt where encoder_id = :encoder"), given)
    deleted = dict.fromkeys(VECTOR_TABLES, 0)
    for collection, (table, key) in VECTOR_TABLES.items():
        for bounds in heap_ranges(connection, collection):
            deleted[collection] += connection.execute(
                text(
                    f"with gone as (delete from {table} where encoder_id = :encoder and ctid >= cast(:first as tid)"
                    f" and ctid < cast(:end as tid) returning {key} as key),"
                    " due as (delete from core.outbox o using gone where o.encoder_id = :encoder"
                    " and o.collection = :collection and o.key = gone.key)"
                    " select count(*) from gone"
                ),
                {**given, **bounds, "collection": collection},
            ).scalar_one()
    # what is due to be deleted has no vector any more
    connection.execute(text("delete from core.outbox where encoder_id = :encoder"), given)
    return deleted["videos"]


def contents(connection: Connection, encoder_id: int) -> IndexedCounts:
    """Count what is indexed by this encoder."""
    row = connection.execute(
        text(
            "select (select count(*) from core.embedding e where e.encoder_id = :encoder and indexed_gen is not null)"
            " as videos, (select count(*) from core.report_embedding e where e.encoder_id = :encoder"
            " and indexed_gen is not null) as reports, count(*) as studies, count(distinct s.patient_key) as patients"
            " from core.study_embedding e join core.study s using (study_key)"
            " where e.encoder_id = :encoder and e.indexed_gen is not null"
        ),
        {"encoder": encoder_id},
    ).one()
    return IndexedCounts(row.patients, row.studies, row.videos, row.reports)
