"""Runs of an ingest or a re-embedding, and the jobs that many of them share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from echosearch.db.schema.base import Base, Key

__all__ = ["IngestRun", "JobRow", "StudyRangeRow"]

CORE = {"schema": "core"}


class JobRow(Base):
    """An ingest or a re-embedding that many workers share: they claim its files (files/claims.py), or its ranges of
    studies (files/study_ranges.py)."""

    __tablename__ = "job"
    __table_args__ = (CheckConstraint("kind in ('ingest', 'reembed')", name="kind"), CORE)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(server_default="ingest")
    encoder_id: Mapped[int] = mapped_column(ForeignKey("core.encoder.id"))
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)  # what every worker must have and do alike (files/jobs.py)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    walked_at: Mapped[datetime | None]  # all its files are registered, all its ranges written
    finished_at: Mapped[datetime | None]


class StudyRangeRow(Base):
    """Studies of a re-embedding that no worker has done yet, from ``first`` to ``last`` by key."""

    __tablename__ = "study_range"
    __table_args__ = (
        Index("ix_study_range_free", "job", "id", postgresql_where=text("claimed_by is null")),
        Index("ix_study_range_claimed_by", "claimed_by", postgresql_where=text("claimed_by is not null")),
        CORE,
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    job: Mapped[int] = mapped_column(ForeignKey("core.job.id"))
    first: Mapped[str] = mapped_column(Key)
    last: Mapped[str] = mapped_column(Key)
    claimed_by: Mapped[int | None]  # the run that is embedding it


class IngestRun(Base):
    """An ingest of one process, or a worker or the driver of a job. Those two have a lease (files/leases.py)."""

    __tablename__ = "ingest_run"
    __table_args__ = (Index("ix_ingest_run_open", "id", postgresql_where=text("finished_at is null")), CORE)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    encoder_id: Mapped[int | None] = mapped_column(ForeignKey("core.encoder.id"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # of an open run with a lease: how far it is
    job: Mapped[int | None] = mapped_column(ForeignKey("core.job.id"), index=True)
    drives: Mapped[bool] = mapped_column(server_default="false")  # it is the driver of its job
    lease_until: Mapped[datetime | None]  # by PostgreSQL's clock; null: the run holds the ingest lock alone
    host: Mapped[str | None]
