"""The tables. PostgreSQL is the truth; the vector index is made from these rows.

Schema ``core`` holds pseudonymous keys, coarse attributes and vectors; schema ``phi`` holds all that identifies
a patient, and is in echosearch/db/schema/phi.py; accounts and the audit are in access.py. Migrations are generated from
this module (migrations/).
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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

import echosearch.db.schema.access
import echosearch.db.schema.cohorts
import echosearch.db.schema.opt_outs  # noqa: F401 - their tables belong to the same metadata
from echosearch.db.schema.base import Base, Key
from echosearch.db.schema.contours import ContourRow
from echosearch.db.schema.facts import FactReading, FactRow, StaleStudy, StudyBits
from echosearch.db.schema.jobs import IngestRun, JobRow, StudyRangeRow
from echosearch.db.schema.phi import PhiDevice, PhiPatient, PhiReport, PhiRun, PhiSourcePath, PhiStudy, PhiVideo
from echosearch.db.schema.vectors import (
    Embedding,
    IndexCount,
    Outbox,
    ReportAttempt,
    ReportEmbedding,
    StudyEmbedding,
)

__all__ = [
    "ArchiveRow",
    "Base",
    "ContourRow",
    "Embedding",
    "EncoderRow",
    "FactReading",
    "FactRow",
    "Generation",
    "IndexCount",
    "IngestRun",
    "JobRow",
    "Outbox",
    "Patient",
    "PhiDevice",
    "PhiPatient",
    "PhiReport",
    "PhiRun",
    "PhiSourcePath",
    "PhiStudy",
    "PhiVideo",
    "Report",
    "ReportAttempt",
    "ReportEmbedding",
    "SourceFile",
    "StaleLink",
    "StaleStudy",
    "Study",
    "StudyBits",
    "StudyEmbedding",
    "StudyRangeRow",
    "Video",
    "ViewLabelRow",
]

CORE = {"schema": "core"}


# --- who makes vectors ---------------------------------------------------------------------------------------


class EncoderRow(Base):
    """An encoder that has made, or may make, vectors here."""

    __tablename__ = "encoder"
    __table_args__ = (CORE,)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    version: Mapped[str]
    dimension: Mapped[int]
    licence: Mapped[str]
    provenance: Mapped[str]
    trained: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Generation(Base):
    """One encoder's complete set of vectors. The one active generation answers queries."""

    __tablename__ = "generation"
    __table_args__ = (
        Index("uq_generation_active", "state", unique=True, postgresql_where=text("state = 'active'")),
        CheckConstraint("state in ('building', 'active', 'retired')", name="state"),
        CORE,
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    encoder_id: Mapped[int] = mapped_column(ForeignKey("core.encoder.id"), unique=True)
    state: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    activated_at: Mapped[datetime | None]


# --- the archive: patients, studies, videos ------------------------------------------------------------------


class Patient(Base):
    """``settled``: its studies are in order, and inherit what they refer back to (db/studies/visits.py)."""

    __tablename__ = "patient"
    __table_args__ = (Index("ix_patient_unsettled", "patient_key", postgresql_where=text("not settled")), CORE)
    patient_key: Mapped[str] = mapped_column(Key, primary_key=True)
    two_sexes: Mapped[bool] = mapped_column(server_default="false")  # its studies contradict one another in them,
    two_birth_dates: Mapped[bool] = mapped_column(server_default="false")  # as the last ingest noted
    settled: Mapped[bool] = mapped_column(server_default="false")


class Study(Base):
    """One echo examination. ``month`` is yyyymm and ``age`` is in years, 90 meaning 90 and over.

    Sex and age are what its files agree in (description.py); ``contradicts``: they do not, or not in the birth date.
    """

    __tablename__ = "study"
    __table_args__ = (Index(None, "patient_key", "visit"), CORE)
    study_key: Mapped[str] = mapped_column(Key, primary_key=True)
    patient_key: Mapped[str] = mapped_column(ForeignKey("core.patient.patient_key"))
    visit: Mapped[int] = mapped_column(server_default="0")  # 1, 2 ... by date among its patient's; 0: not known
    month: Mapped[int | None]
    sex: Mapped[str | None]
    age: Mapped[int | None] = mapped_column(SmallInteger)
    contradicts: Mapped[bool] = mapped_column(server_default="false")
    conflict: Mapped[bool] = mapped_column(server_default="false")  # two patients claim it: nothing of it is indexed
    number: Mapped[int | None] = mapped_column(unique=True)  # of its bit in core.study_bits, from its first vector on
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Video(Base):
    """One cine: what its pixels are, not whose they are; ``sex`` and ``age`` are what its own file says."""

    __tablename__ = "video"
    __table_args__ = (CORE,)
    video_key: Mapped[str] = mapped_column(Key, primary_key=True)
    study_key: Mapped[str] = mapped_column(ForeignKey("core.study.study_key"), index=True)
    content_digest: Mapped[bytes] = mapped_column(LargeBinary, index=True)  # ByteReader.hashes says of what
    pixel_digest: Mapped[bytes] = mapped_column(LargeBinary)  # of the stored pixel data alone
    n_frames: Mapped[int]
    rows: Mapped[int]
    columns: Mapped[int]
    frame_seconds: Mapped[float | None]
    frame_seconds_source: Mapped[str | None]
    heart_rate: Mapped[int | None]
    sex: Mapped[str | None]
    age: Mapped[int | None] = mapped_column(SmallInteger)
    device: Mapped[str | None] = mapped_column(index=True)  # as may be shown (echosearch/device.py)
    transfer_syntax_uid: Mapped[str]
    photometric: Mapped[str]
    mode: Mapped[str]
    mode_source: Mapped[str]
    view: Mapped[str | None]
    view_prob: Mapped[float | None]
    view_source: Mapped[str | None]
    view_probs: Mapped[dict[str, float] | None] = mapped_column(JSONB)  # every class of a classifier
    notes: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))


class ViewLabelRow(Base):
    """A view label from a CSV, waiting for its video or already applied to it."""

    __tablename__ = "view_label"
    __table_args__ = (CORE,)
    subject_key: Mapped[str] = mapped_column(Key, primary_key=True)  # a video key, or a path key
    view: Mapped[str]
    view_prob: Mapped[float]
    raw: Mapped[str]


# --- the ledger: every regular file, and what became of it -----------------------------------------------------


class SourceFile(Base):
    """One regular file under an ingested root.

    registered -> admitted -> embedded -> indexed, or skipped, or quarantined.
    found = indexed + skipped + quarantined + pending, where pending is the first three.
    """

    __tablename__ = "source_file"
    __table_args__ = (
        CheckConstraint(
            "state in ('registered', 'admitted', 'embedded', 'indexed', 'skipped', 'quarantined')", name="state"
        ),
        CheckConstraint("(state in ('skipped', 'quarantined')) = (reason is not null)", name="reason"),
        Index("ix_source_file_state_reason", "state", "reason"),
        Index(
            "ix_source_file_claimable",
            "job",
            "id",
            postgresql_where=text("claimed_by is null and state in ('registered', 'admitted')"),
        ),
        Index("ix_source_file_claimed_by", "claimed_by", postgresql_where=text("claimed_by is not null")),
        Index("ix_source_file_video_key_state", "video_key", "state", postgresql_include=["id"]),
        CORE,
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    path_key: Mapped[str] = mapped_column(Key, unique=True)
    size: Mapped[int]
    mtime_ns: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="registered")
    reason: Mapped[str | None]
    detail: Mapped[str | None]  # never anything about a patient
    video_key: Mapped[str | None] = mapped_column(Key)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")  # begun and not finished
    orphaned: Mapped[int] = mapped_column(SmallInteger, server_default="0")  # how often its run died meanwhile
    claimed_by: Mapped[int | None]  # the run that is decoding it
    job: Mapped[int | None]  # the job whose workers may claim it
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ArchiveRow(Base):
    """One row: what proves that a machine has the archive's key."""

    __tablename__ = "archive"
    __table_args__ = (CheckConstraint("id = 1", name="id"), CORE)
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default="1")
    key_check: Mapped[str] = mapped_column(Key)  # a pseudonym that every machine can make and compare


# --- reports ---------------------------------------------------------------------------------------------------


class Report(Base):
    """One version of one study's report; of several, the highest ``seq`` is served. Its text is in phi."""

    __tablename__ = "report"
    __table_args__ = (Index("ix_report_link_due", "report_key", postgresql_where=text("link_due")), CORE)
    report_key: Mapped[str] = mapped_column(Key, primary_key=True)
    seq: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    study_key: Mapped[str | None] = mapped_column(ForeignKey("core.study.study_key"), index=True)
    link_method: Mapped[str | None]  # study_uid, accession_patient, patient_date
    link_problem: Mapped[str | None] = mapped_column(index=True)  # unmatched, ambiguous, conflict
    link_due: Mapped[bool] = mapped_column(server_default="true")  # it is new, or a study that it may fit has changed


class StaleLink(Base):
    """A study whose identifiers, patient or files have changed since reports were linked; as often as it was noted."""

    __tablename__ = "stale_link"
    __table_args__ = (CORE,)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    study_key: Mapped[str] = mapped_column(Key)
