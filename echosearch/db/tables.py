"""The tables. Postgres is the truth; the vector index is made from these rows.

Schema ``core`` holds pseudonymous keys, coarse attributes and vectors; schema ``phi`` holds what identifies
a patient and is joined only on purpose. Migrations are generated from this module (migrations/).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "Base",
    "Embedding",
    "EncoderRow",
    "Generation",
    "IngestRun",
    "Outbox",
    "Patient",
    "PhiPatient",
    "PhiReport",
    "PhiRun",
    "PhiSourcePath",
    "PhiStudy",
    "PhiVideo",
    "Report",
    "ReportEmbedding",
    "SourceFile",
    "Study",
    "StudyEmbedding",
    "Video",
    "ViewLabelRow",
]

Key = Uuid(as_uuid=False)  # pseudonymous keys are UUID strings (echosearch.keys)
CORE, PHI = {"schema": "core"}, {"schema": "phi"}


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True), float: Float, int: BigInteger}  # noqa: RUF012


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
    __tablename__ = "patient"
    __table_args__ = (CORE,)
    patient_key: Mapped[str] = mapped_column(Key, primary_key=True)
    sex: Mapped[str | None]


class Study(Base):
    """One echo examination. ``month`` is yyyymm and ``age`` is in years, 90 meaning 90 and over."""

    __tablename__ = "study"
    __table_args__ = (CORE,)
    study_key: Mapped[str] = mapped_column(Key, primary_key=True)
    patient_key: Mapped[str] = mapped_column(ForeignKey("core.patient.patient_key"), index=True)
    month: Mapped[int | None]
    age: Mapped[int | None] = mapped_column(SmallInteger)
    conflict: Mapped[bool] = mapped_column(server_default="false")  # two patients claim it: nothing of it is indexed
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Video(Base):
    """One cine. What the pixels are, not whose they are."""

    __tablename__ = "video"
    __table_args__ = (CORE,)
    video_key: Mapped[str] = mapped_column(Key, primary_key=True)
    study_key: Mapped[str] = mapped_column(ForeignKey("core.study.study_key"), index=True)
    file_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    pixel_sha256: Mapped[bytes] = mapped_column(LargeBinary)  # of the stored pixel data alone
    n_frames: Mapped[int]
    rows: Mapped[int]
    columns: Mapped[int]
    frame_seconds: Mapped[float | None]
    frame_seconds_source: Mapped[str | None]
    heart_rate: Mapped[int | None]
    device: Mapped[str | None]
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
        CORE,
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    path_key: Mapped[str] = mapped_column(Key, unique=True)
    size: Mapped[int]
    mtime_ns: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="registered")
    reason: Mapped[str | None]
    detail: Mapped[str | None]  # never anything about a patient
    video_key: Mapped[str | None] = mapped_column(Key, index=True)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")  # begun and not finished
    orphaned: Mapped[int] = mapped_column(SmallInteger, server_default="0")  # of those, how often the run died
    claimed_by: Mapped[int | None]  # the run that is decoding it
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class IngestRun(Base):
    __tablename__ = "ingest_run"
    __table_args__ = (CORE,)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    encoder_id: Mapped[int | None] = mapped_column(ForeignKey("core.encoder.id"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


# --- reports ---------------------------------------------------------------------------------------------------


class Report(Base):
    """One version of one study's report; of several, the highest ``seq`` is served. Its text is in phi."""

    __tablename__ = "report"
    __table_args__ = (CORE,)
    report_key: Mapped[str] = mapped_column(Key, primary_key=True)
    seq: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    study_key: Mapped[str | None] = mapped_column(ForeignKey("core.study.study_key"), index=True)
    link_method: Mapped[str | None]  # study_uid, accession_patient, patient_date
    link_problem: Mapped[str | None]  # unmatched, ambiguous, conflict


# --- vectors ---------------------------------------------------------------------------------------------------


class _Vector:
    """Raw encoder output and where it stands.

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
    n_videos: Mapped[int]
    gated: Mapped[bool]


class ReportEmbedding(_Vector, Base):
    __tablename__ = "report_embedding"
    __table_args__ = (CORE,)
    report_key: Mapped[str] = mapped_column(ForeignKey("core.report.report_key"), primary_key=True)


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


# --- phi: what identifies a patient ----------------------------------------------------------------------------


class PhiPatient(Base):
    __tablename__ = "patient"
    __table_args__ = (UniqueConstraint("issuer", "patient_id"), PHI)
    patient_key: Mapped[str] = mapped_column(Key, primary_key=True)
    issuer: Mapped[str]
    patient_id: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    birth_date: Mapped[date | None]


class PhiStudy(Base):
    __tablename__ = "study"
    __table_args__ = (PHI,)
    study_key: Mapped[str] = mapped_column(Key, primary_key=True)
    patient_key: Mapped[str] = mapped_column(Key, index=True)
    study_uid: Mapped[str] = mapped_column(unique=True)
    accession_number: Mapped[str] = mapped_column(index=True)
    study_date: Mapped[date | None]


class PhiVideo(Base):
    __tablename__ = "video"
    __table_args__ = (PHI,)
    video_key: Mapped[str] = mapped_column(Key, primary_key=True)
    sop_uid: Mapped[str] = mapped_column(unique=True)
    series_uid: Mapped[str]


class PhiSourcePath(Base):
    __tablename__ = "source_path"
    __table_args__ = (PHI,)
    file_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    path: Mapped[bytes] = mapped_column(LargeBinary)  # file names need not be valid UTF-8


class PhiReport(Base):
    """A report as it came, with the identifiers that it was to be linked by."""

    __tablename__ = "report"
    __table_args__ = (PHI,)
    report_key: Mapped[str] = mapped_column(Key, primary_key=True)
    text: Mapped[str]
    study_uid: Mapped[str]
    accession_number: Mapped[str]
    patient_id: Mapped[str]
    study_date: Mapped[date | None]


class PhiRun(Base):
    __tablename__ = "run"
    __table_args__ = (PHI,)
    run_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
