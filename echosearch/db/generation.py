"""Which encoder's vectors the archive serves."""

from __future__ import annotations

from sqlalchemy import Connection, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from echosearch.db.tables import Embedding, EncoderRow, Generation, ReportEmbedding
from echosearch.encoder.base import EncoderId

__all__ = ["activate", "active_encoder", "has_vectors", "register_encoder"]


def active_encoder(connection: Connection) -> EncoderId | None:
    """The encoder of the active generation, or None where nothing was ever ingested."""
    row = connection.execute(
        select(EncoderRow.__table__)
        .join(Generation, Generation.encoder_id == EncoderRow.id)
        .where(Generation.state == "active")
    ).one_or_none()
    if row is None:
        return None
    return EncoderId(row.name, row.version, row.fingerprint, row.dimension, row.licence, row.provenance, row.trained)


def register_encoder(connection: Connection, encoder: EncoderId) -> int:
    """Row id of this encoder, added where it is new."""
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
    """Whether the active generation holds any vector yet."""
    active = select(Generation.encoder_id).where(Generation.state == "active").scalar_subquery()
    return bool(
        connection.scalar(
            select(
                exists().where(Embedding.encoder_id == active) | exists().where(ReportEmbedding.encoder_id == active)
            )
        )
    )
