"""The phi schema: all that identifies a patient. It is joined only on purpose, and only by roles that may read it."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from echosearch.db.schema.base import Base, Key

__all__ = [
    "PhiDevice",
    "PhiJob",
    "PhiPatient",
    "PhiReport",
    "PhiReportWords",
    "PhiRun",
    "PhiSourcePath",
    "PhiSrFile",
    "PhiStudy",
    "PhiVideo",
    "PhiWord",
]

PHI = {"schema": "phi"}


class PhiPatient(Base):
    __tablename__ = "patient"
    __table_args__ = (UniqueConstraint("issuer", "patient_id", "hospital"), PHI)
    patient_key: Mapped[str] = mapped_column(Key, primary_key=True)
    issuer: Mapped[str]
    patient_id: Mapped[str] = mapped_column(index=True)
    hospital: Mapped[str] = mapped_column(server_default="")  # where two share an id (hospitals.py)
    name: Mapped[str]


class PhiStudy(Base):
    __tablename__ = "study"
    __table_args__ = (PHI,)
    study_key: Mapped[str] = mapped_column(Key, primary_key=True)
    patient_key: Mapped[str] = mapped_column(Key, index=True)
    study_uid: Mapped[str] = mapped_column(unique=True)
    accession_number: Mapped[str] = mapped_column(index=True)
    study_date: Mapped[date | None]
    birth_date: Mapped[date | None]  # what its files agree in (description.py), as in the next two
    authority: Mapped[str | None]
    institution: Mapped[str | None]


class PhiVideo(Base):
    __tablename__ = "video"
    __table_args__ = (PHI,)
    video_key: Mapped[str] = mapped_column(Key, primary_key=True)
    sop_uid: Mapped[str] = mapped_column(unique=True)
    series_uid: Mapped[str]
    birth_date: Mapped[date | None]  # as its own file says
    authority: Mapped[str | None]  # that gave the patient id, by universal id
    institution: Mapped[str | None]


class PhiSourcePath(Base):
    __tablename__ = "source_path"
    __table_args__ = (Index("ix_source_path_begin", text("substring(path from 1 for 200)")), PHI)
    file_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    path: Mapped[bytes] = mapped_column(LargeBinary)  # file names need not be valid UTF-8


class PhiSrFile(Base):
    """Whose measurements a structured report has, as it says itself."""

    __tablename__ = "sr_file"
    __table_args__ = (PHI,)
    file_id: Mapped[int] = mapped_column(
        ForeignKey("core.source_file.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    study_key: Mapped[str] = mapped_column(Key)
    issuer: Mapped[str]
    patient_id: Mapped[str]
    trusted: Mapped[bool] = mapped_column(server_default="false")  # as its values are


class PhiReport(Base):
    """A report as it came, with the identifiers that it was to be linked by."""

    __tablename__ = "report"
    __table_args__ = (PHI,)
    report_key: Mapped[str] = mapped_column(Key, primary_key=True)
    text: Mapped[str]
    study_uid: Mapped[str] = mapped_column(index=True)
    accession_number: Mapped[str] = mapped_column(index=True)
    patient_id: Mapped[str] = mapped_column(index=True)
    study_date: Mapped[date | None]


class PhiReportWords(Base):
    """The words of a study's served report, as db/studies/words.py writes them: made anew with its facts."""

    __tablename__ = "report_words"
    __table_args__ = (Index("ix_report_words_words", "words", postgresql_using="gin"), PHI)
    study_key: Mapped[str] = mapped_column(
        Key, ForeignKey("core.fact_reading.study_key", ondelete="CASCADE"), primary_key=True
    )
    words: Mapped[str] = mapped_column(TSVECTOR)
    length: Mapped[int]  # how many words tell something


class PhiWord(Base):
    """In how many reports a word is; of "" how many reports there are. Triggers keep it: a count reads them all."""

    __tablename__ = "word"
    __table_args__ = (PHI,)
    word: Mapped[str] = mapped_column(primary_key=True)
    reports: Mapped[int]


class PhiRun(Base):
    __tablename__ = "run"
    __table_args__ = (PHI,)
    run_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)


class PhiJob(Base):
    """The folder that a job ingests, and files of it by which a machine knows that it sees that folder."""

    __tablename__ = "job"
    __table_args__ = (PHI,)
    job_id: Mapped[int] = mapped_column(ForeignKey("core.job.id"), primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    witnesses: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary))


class PhiDevice(Base):
    """The machine as files name it, where that is not shown: a person's name may have been typed there."""

    __tablename__ = "device"
    __table_args__ = (PHI,)
    text: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]  # as core.video has it
