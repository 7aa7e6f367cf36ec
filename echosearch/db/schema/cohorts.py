"""Tables of cohorts: definitions by name, frozen snapshots with their members, and what readers said of studies.

Snapshots and reviews are written once: triggers (migration 0010) refuse every update and delete, and members that are
added later. A snapshot keeps its own copy of the definition, and its members are no foreign keys: it outlives both.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from echosearch.db.schema.base import Base, Key

__all__ = ["CohortMember", "CohortRow", "CohortSnapshot", "PhiReview", "Review"]


class CohortRow(Base):
    """A definition under its name, as TOML."""

    __tablename__ = "cohort"
    __table_args__ = ({"schema": "core"},)
    name: Mapped[str] = mapped_column(primary_key=True)
    definition: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CohortSnapshot(Base):
    """The members of a definition at one moment, and the versions of all that they follow from."""

    __tablename__ = "cohort_snapshot"
    __table_args__ = (UniqueConstraint("name", "number"), {"schema": "core"})
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    number: Mapped[int] = mapped_column(SmallInteger)  # from 1, of this name
    definition: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)  # SHA-256 of the definition and the sorted members
    members: Mapped[int]
    attrition: Mapped[list[Any]] = mapped_column(JSONB)
    resolution: Mapped[str]  # "day" or "month": what dates were compared by
    lexicons: Mapped[list[str]] = mapped_column(ARRAY(Text))  # that reports were read by
    encoder: Mapped[str | None]  # fingerprint, where videos were asked
    calibration: Mapped[str | None]
    report_seq: Mapped[int]  # the newest report,
    file_id: Mapped[int]  # and the newest file, at that moment
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CohortMember(Base):
    """A study of a snapshot, and the evidence that it was a member by."""

    __tablename__ = "cohort_member"
    __table_args__ = ({"schema": "core"},)
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("core.cohort_snapshot.id"), primary_key=True)
    study_key: Mapped[str] = mapped_column(Key, primary_key=True)
    patient_key: Mapped[str] = mapped_column(Key)
    month: Mapped[int | None]
    age: Mapped[int | None] = mapped_column(SmallInteger)
    sex: Mapped[str | None]
    report_key: Mapped[str | None] = mapped_column(Key)  # that was read for its facts,
    lexicon: Mapped[str | None]  # by this version
    probability: Mapped[float | None]  # where its videos made it a member


class Review(Base):
    """What a reader answered about one study and one question; the last answer of a reader counts."""

    __tablename__ = "review"
    __table_args__ = (
        CheckConstraint("answer in ('accept', 'reject', 'unsure')", name="answer"),
        Index("ix_review_topic", "topic", "study_key", "reader", "id"),
        {"schema": "core"},
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    topic: Mapped[str]  # what asked: "cohort/NAME"
    question: Mapped[str]  # what was asked: the criteria, as JSON
    study_key: Mapped[str] = mapped_column(Key)
    reader: Mapped[str]
    answer: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PhiReview(Base):
    """The reason of an answer: free text may name a patient."""

    __tablename__ = "review"
    __table_args__ = ({"schema": "phi"},)
    review_id: Mapped[int] = mapped_column(ForeignKey("core.review.id"), primary_key=True, autoincrement=False)
    reason: Mapped[str]
