"""Vectors of each encoder, and what the index is yet to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, LargeBinary, SmallInteger, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from echosearch.db.schema.base import Base, Key

__all__ = ["Embedding", "IndexCount", "Outbox", "ProbeRow", "ReportAttempt", "ReportEmbedding", "StudyEmbedding"]

CORE = {"schema": "core"}


class _Vector:
    """An encoder's raw output, and how much of it the index has.

    ``gen`` grows with every change of the vector or of its payload; ``indexed_gen`` is what the index has.
    """

    encoder_id: Mapped[int] = mapped_column(ForeignKey("core.encoder.id"), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)  # D float32, little-endian, not normalised
    gen: Mapped[int] = mapped_column(server_default="1")
    indexed_gen: Mapped[int | None]


class Embedding(_Vector, Base):
    __tablename__ = "embedding"
    __table_args__ = (CORE,)
    video_key: Mapped[str] = mapped_column(ForeignKey("core.video.video_key"), primary_key=True)


class StudyEmbedding(_Vector, Base):
    """Mean of the study's raw video outputs. ``gated``: only videos of the five views at or above the gate."""

    __tablename__ = "study_embedding"
    __table_args__ = (CORE,)
    study_key: Mapped[str] = mapped_column(ForeignKey("core.study.study_key"), primary_key=True)
    n_videos: Mapped[int]  # of the mean
    embedded_videos: Mapped[int] = mapped_column(server_default="0")  # of the study
    gated: Mapped[bool]


class ReportEmbedding(_Vector, Base):
    __tablename__ = "report_embedding"
    __table_args__ = (CORE,)
    report_key: Mapped[str] = mapped_column(ForeignKey("core.report.report_key"), primary_key=True)
    text_form: Mapped[int] = mapped_column(server_default="1")  # TEXT_FORM (report/text.py) that its tokens have
    left_out: Mapped[int] = mapped_column(server_default="0")  # phrases that the encoder does not read


class ReportAttempt(Base):
    """A report that is being read, or whose reader ended. See report_attempts.py."""

    __tablename__ = "report_attempt"
    __table_args__ = (CORE,)
    encoder_id: Mapped[int] = mapped_column(ForeignKey("core.encoder.id"), primary_key=True)
    report_key: Mapped[str] = mapped_column(ForeignKey("core.report.report_key"), primary_key=True)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")  # alone


class IndexCount(Base):
    """How many rows of a collection the index has been given. Triggers keep it: a count would outlast a search."""

    __tablename__ = "index_count"
    __table_args__ = (CORE,)
    encoder_id: Mapped[int] = mapped_column(ForeignKey("core.encoder.id"), primary_key=True)
    collection: Mapped[str] = mapped_column(primary_key=True)
    points: Mapped[int]


class Outbox(Base):
    """A point that the index must get or lose; written with the row it mirrors, removed when the index has it."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("encoder_id", "collection", "key"),
        CheckConstraint("op in ('upsert', 'delete')", name="op"),
        CORE,
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    encoder_id: Mapped[int] = mapped_column(ForeignKey("core.encoder.id"))
    collection: Mapped[str]  # videos, studies, reports
    key: Mapped[str] = mapped_column(Key)
    op: Mapped[str]
    gen: Mapped[int]


class ProbeRow(Base):
    """A probe of one concept on one encoder's study vectors; the highest version counts. It names no patient."""

    __tablename__ = "probe"
    __table_args__ = (CheckConstraint("labels in ('sr', 'facts', 'csv')", name="labels"), CORE)
    encoder_id: Mapped[int] = mapped_column(ForeignKey("core.encoder.id"), primary_key=True)
    concept: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    labels: Mapped[str]  # the kind of their source
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)  # all but weights and cuts
    weights: Mapped[bytes] = mapped_column(LargeBinary)  # float32, little-endian: (F, 1 + D), then (F, K)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
