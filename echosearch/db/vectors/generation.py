"""Which encoder's vectors the archive serves, and which others it holds.

A generation is one encoder's set of vectors: building -> active -> retired, and active again. A change in the
archive changes all of them; only the active one answers, and only its index is kept up to date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from echosearch.db.schema.tables import Embedding, EncoderRow, Generation, ReportEmbedding
from echosearch.db.vectors.points import VECTOR_TABLES
from echosearch.encoder_info import EncoderInfo

__all__ = [
    "GenerationCount",
    "activate",
    "active_encoder",
    "begin_generation",
    "delete_generation",
    "encoders_named",
    "generations",
    "has_vectors",
    "register_encoder",
]

MIN_PREFIX = 8  # hex digits of a fingerprint


@dataclass(frozen=True)
class GenerationCount:
    """One encoder's vectors in Postgres."""

    encoder: EncoderInfo
    state: str  # building, active, retired
    videos: int


def active_encoder(connection: Connection) -> EncoderInfo | None:
    """Return the encoder of the active generation, None if nothing was ever ingested."""
    row = connection.execute(
        select(EncoderRow.__table__)
        .join(Generation, Generation.encoder_id == EncoderRow.id)
        .where(Generation.state == "active")
    ).one_or_none()
    return None if row is None else _encoder(row)


def generations(connection: Connection) -> list[GenerationCount]:
    """Return the generations, the active one first, then the latest first."""
    counts = select(func.count()).where(Embedding.encoder_id == EncoderRow.id).scalar_subquery()
    rows = connection.execute(
        select(EncoderRow.__table__, Generation.state, counts.label("videos"))
        .join(Generation, Generation.encoder_id == EncoderRow.id)
        .order_by(Generation.state != "active", Generation.id.desc())
    )
    return [GenerationCount(_encoder(row), row.state, row.videos) for row in rows]


def encoders_named(connection: Connection, name: str) -> list[tuple[int, EncoderInfo]]:
    """Return (row id, encoder) of those with this name, name-fingerprint or start of a fingerprint: those with
    vectors here if there are any, else all."""
    named = (EncoderRow.name == name) | (EncoderRow.name + "-" + func.left(EncoderRow.fingerprint, 12) == name)
    if len(name) >= MIN_PREFIX:
        named |= EncoderRow.fingerprint.startswith(name, autoescape=True)
    rows = connection.execute(
        select(EncoderRow.__table__, Generation.id.is_not(None).label("here"))
        .outerjoin(Generation, Generation.encoder_id == EncoderRow.id)
        .where(named)
        .order_by(EncoderRow.id)
    ).all()
    return [(row.id, _encoder(row)) for row in rows if row.here or not any(other.here for other in rows)]


def _encoder(row: Row[Any]) -> EncoderInfo:
    return EncoderInfo(row.name, row.version, row.fingerprint, row.dimension, row.licence, row.provenance, row.trained)


def register_encoder(connection: Connection, encoder: EncoderInfo) -> int:
    """Return the row id of this encoder, which is added if it is new."""
    connection.execute(
        insert(EncoderRow)
        .values(
            fingerprint=encoder.fingerprint,
            name=encoder.name,
            version=encoder.version,
            dimension=encoder.dimension,
            licence=encoder.licence,
            provenance=encoder.provenance,
            trained=encoder.trained,
        )
        .on_conflict_do_nothing()
    )
    return connection.execute(select(EncoderRow.id).where(EncoderRow.fingerprint == encoder.fingerprint)).scalar_one()


def activate(connection: Connection, encoder_id: int) -> None:
    """Make this encoder's generation the one that answers queries; the one before is retired."""
    connection.execute(update(Generation).where(Generation.state == "active").values(state="retired"))
    connection.execute(
        insert(Generation)
        .values(encoder_id=encoder_id, state="active", activated_at=func.now())
        .on_conflict_do_update(
            index_elements=[Generation.encoder_id], set_={"state": "active", "activated_at": func.now()}
        )
    )


def has_vectors(connection: Connection) -> bool:
    """Return True if the active generation holds any vector yet."""
    active = select(Generation.encoder_id).where(Generation.state == "active").scalar_subquery()
    return bool(
        connection.scalar(
            select(
                exists().where(Embedding.encoder_id == active) | exists().where(ReportEmbedding.encoder_id == active)
            )
        )
    )


def begin_generation(connection: Connection, encoder_id: int) -> None:
    """Make sure that this encoder has a generation: a new one is building, an existing one is left as it is."""
    connection.execute(insert(Generation).values(encoder_id=encoder_id, state="building").on_conflict_do_nothing())


def delete_generation(connection: Connection, encoder_id: int) -> int:
    """Delete an inactive encoder's vectors and their outbox rows; return how many videos had a vector."""
    assert connection.scalar(select(Generation.state).where(Generation.encoder_id == encoder_id)) != "active"
    given = {"encoder": encoder_id}
    connection.execute(text("delete from core.generation where encoder_id = :encoder"), given)
    connection.execute(text("delete from core.outbox where encoder_id = :encoder"), given)
    connection.execute(text("delete from core.report_attempt where encoder_id = :encoder"), given)
    deleted = {
        collection: connection.execute(text(f"delete from {table} where encoder_id = :encoder"), given).rowcount
        for collection, (table, _) in VECTOR_TABLES.items()
    }
    return deleted["videos"]
