"""Tables of facts: what the served report of a study states, read by one version of the lexicon, and what was measured.

Facts are coarse and pseudonymous, so they are in core; the report's text stays in phi. They can be made anew from it,
and measurements from the structured reports among the files.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, ForeignKey, Identity, Index, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.orm import Mapped, mapped_column

from echosearch.db.schema.base import Base, Key

__all__ = ["FactReading", "FactRow", "SrValue", "StaleStudy", "StudyBits"]


class FactReading(Base):
    """That a study's served report was read for facts, also where it states none."""

    __tablename__ = "fact_reading"
    __table_args__ = (Index("ix_fact_reading_read", "lexicon", "word_form"), {"schema": "core"})
    study_key: Mapped[str] = mapped_column(Key, ForeignKey("core.study.study_key"), primary_key=True)
    report_key: Mapped[str] = mapped_column(Key, ForeignKey("core.report.report_key"), index=True)
    lexicon: Mapped[str]  # Lexicon.version
    word_form: Mapped[int] = mapped_column(SmallInteger, server_default="0")  # of phi.report_words; 0: none made
    refers_back: Mapped[bool] = mapped_column(server_default="false")  # 「前回と著変なし」


class FactRow(Base):
    """One statement of a report about one concept. Severity or value, never both."""

    __tablename__ = "fact"
    __table_args__ = (
        # answers "which studies state this": concept first, everything a condition asks for in the index
        Index(
            "ix_fact_concept",
            "concept",
            "study_key",
            postgresql_include=["polarity", "severity_lo", "severity_hi", "value", "value_hi"],
        ),
        {"schema": "core"},
    )
    study_key: Mapped[str] = mapped_column(
        Key, ForeignKey("core.fact_reading.study_key", ondelete="CASCADE"), primary_key=True
    )
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)  # in the order of the text, from 0
    concept: Mapped[str]
    polarity: Mapped[str]
    severity_lo: Mapped[int | None] = mapped_column(SmallInteger)
    severity_hi: Mapped[int | None] = mapped_column(SmallInteger)
    value: Mapped[float | None]
    value_hi: Mapped[float | None]
    unit: Mapped[str | None]
    start: Mapped[int]  # code points of the report's text, [start, stop)
    stop: Mapped[int]
    rule: Mapped[str]
    inherited_from: Mapped[str | None] = mapped_column(Key)  # the study whose report states it; null: its own
    walls: Mapped[list[str] | None] = mapped_column(ARRAY(Text))  # of wall motion; empty: none named, null: not read


class SrValue(Base):
    """A measurement of a structured report. ``trusted``: its patient is the study's (db/files/measurements.py)."""

    __tablename__ = "sr_value"
    __table_args__ = (
        Index(
            "ix_sr_value_concept",
            "concept",
            "study_key",
            postgresql_include=["value"],
            postgresql_where=text("trusted"),
        ),
        {"schema": "core"},
    )
    file_id: Mapped[int] = mapped_column(
        ForeignKey("core.source_file.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    concept: Mapped[str] = mapped_column(primary_key=True)
    study_key: Mapped[str] = mapped_column(Key, index=True)  # a study that need not be here yet
    value: Mapped[float]
    unit: Mapped[str]
    trusted: Mapped[bool] = mapped_column(server_default="false")


class StudyBits(Base):
    """Which studies of a block have one fact, or one value of an attribute (db/questions/study_bits.py)."""

    __tablename__ = "study_bits"
    __table_args__ = (Index("ix_study_bits_concept", "concept", "value"), {"schema": "core"})
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    concept: Mapped[str] = mapped_column(primary_key=True)  # of a fact; sr:lvef, of a measurement; study:age
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    polarity: Mapped[str]
    severity_lo: Mapped[int | None] = mapped_column(SmallInteger)
    severity_hi: Mapped[int | None] = mapped_column(SmallInteger)
    value: Mapped[float | None]
    value_hi: Mapped[float | None]
    studies: Mapped[str] = mapped_column(BIT(16_384))


class StaleStudy(Base):
    """A study that core.study_bits does not say right any more; as often as it was noted."""

    __tablename__ = "stale_study"
    __table_args__ = ({"schema": "core"},)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    study_key: Mapped[str] = mapped_column(Key, index=True)  # a study that need not be here
