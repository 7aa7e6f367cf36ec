"""What compares reports with videos, or with structured reports: each study's most surprising statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.db.questions.fact_conditions import NARROWER
from echosearch.encoder.base import Encoder
from echosearch.errors import InputError
from echosearch.insight.curves import stated_level
from echosearch.insight.grades import GradeReaders, fit_grade_readers
from echosearch.insight.interpret import usual_findings
from echosearch.insight.levels import student
from echosearch.insight.sample import VectorSample, fold_of
from echosearch.insight.values import ValueReader, fit_value
from echosearch.report.facts import Lexicon
from echosearch.search.arms.evidence import EF_POINTS, SHARE
from echosearch.search.arms.prompts import MILD, value_prompts
from echosearch.search.arms.told import is_silent

__all__ = ["Found", "Kind", "MeasurementJudge", "VideoJudge", "check_asked", "judge_by_videos"]

Numbers = NDArray[np.float64]
Kind = Literal["stated", "not stated", "grade", "value"]
LEAST = 10  # reports on either side that a finding needs here: it orders statements, and is not shown as calibrated
# Other words for what rwma and the EF say; a report need not use them. They are compared when they are asked for.
OTHER_WORDS = frozenset({"lvef_low", "lv_wall_motion", *NARROWER["lv_wall_motion"]} - {"rwma"})
_NORMAL = 1.2533  # a mean absolute deviation of a normal distribution times this is its standard deviation


@dataclass(frozen=True)
class Found:
    """A statement of a report, and what it is compared with."""

    concept: str
    surprise: float
    kind: Kind
    probability: float | None = None
    grade: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class ReadValues:
    """A measurement's reader, and the middle and the spread of what it reads in the archive."""

    reader: ValueReader
    middle: float
    spread: float

    def surprise(self, read: float, said: Sequence[tuple[float, float]]) -> float:
        """Return the log odds that the value is any of the archive's and not one of the ranges that are stated."""
        apart = min(max(low - read, read - high, 0.0) for low, high in said)
        usual = (self.reader.error or 0.0) * _NORMAL + 1e-9
        other, own = student(np.array([read - self.middle, apart]), np.array([self.spread, usual]))
        return float(other - own)


@dataclass(frozen=True)
class VideoJudge:
    """Compares reports with videos."""

    findings: GradeReaders
    values: tuple[ReadValues, ...] = field(default=())

    def compare(self, sample: VectorSample) -> Iterator[Found | None]:
        """Find each study's most surprising statement; None without a report, or a statement to compare."""
        grades = self.findings.read(sample)
        folds = np.array([fold_of(study.patient) for study in sample.studies], dtype=np.int64)
        values = [one.reader.read(sample.vectors, folds) for one in self.values]
        for row in range(len(sample)):
            found = [*self._findings(sample, row, grades[row])]
            for one, read in zip(self.values, values, strict=True):
                said = told_values(sample, row, one.reader.concept)
                if said and one.reader.concept not in sample.unseen[row]:
                    value = float(read[row])
                    found.append(Found(one.reader.concept, one.surprise(value, said), "value", value=value))
            yield max(found, key=lambda one: one.surprise, default=None)

    def _findings(self, sample: VectorSample, row: int, grades: Numbers) -> Iterator[Found]:
        facts = sample.facts[row]
        for reader, read in zip(self.findings.readers, grades, strict=True):
            levels, concept = reader.levels, reader.concept
            stated = stated_level(facts, concept, reader.graded)
            if levels is None or stated is None or concept in sample.unseen[row]:
                continue
            if is_silent(facts, concept) and not levels.silence_tells:
                continue
            shown = levels.probabilities(np.array([read]))[0]
            there, grade = float(shown[levels.grades >= MILD].sum()), float(shown @ levels.grades)
            kind: Kind = "stated" if stated >= MILD else "not stated"
            if reader.graded and (stated >= MILD) == (there >= 0.5):
                kind = "grade"
            surprise = levels.surprise(float(read), stated)
            yield Found(concept, surprise, kind, there, grade if reader.graded else None)


class MeasurementJudge:
    """Compares reports with structured reports."""

    def __init__(self, concepts: Sequence[str]) -> None:
        self._concepts = concepts

    def compare(self, sample: VectorSample) -> Iterator[Found | None]:
        """Find each study's most surprising measurement; None without one in both reports."""
        for row, measured in enumerate(sample.measured):
            found = []
            for concept in self._concepts:
                seen = [one.value for one in measured if one.concept == concept]
                said = told_values(sample, row, concept)
                if seen and said:
                    apart = min(
                        max(low - one, one - high, 0.0) / _tolerance(concept, one) for low, high in said for one in seen
                    )
                    found.append(Found(concept, apart, "value"))
            yield max(found, key=lambda one: one.surprise, default=None)


def told_values(sample: VectorSample, row: int, concept: str) -> list[tuple[float, float]]:
    """Return the values, as ranges, that a study's report states of a measurement."""
    return [
        (fact.value, fact.value if fact.value_hi is None else fact.value_hi)
        for fact in sample.facts[row]
        if fact.concept == concept and fact.polarity == "present" and fact.value is not None and not fact.inherited
    ]


def check_asked(encoder: Encoder, lexicon: Lexicon, measure: str) -> None:
    """Raise InputError if videos cannot be asked for this measurement."""
    if value_prompts(measure, encoder.text_spec.language) is None:
        label = lexicon.labels.get(measure, measure)
        raise InputError(f"videos cannot be asked for {label}: of measurements, for EF alone")


def judge_by_videos(encoder: Encoder, lexicon: Lexicon, sample: VectorSample, asked: str | None = None) -> VideoJudge:
    """Fit what compares reports with videos on a sample of the archive; ``asked`` is a concept, None: all.

    Raises InputError if it is a measurement that videos cannot be asked for.
    """
    can = [name for name in lexicon.measures if value_prompts(name, encoder.text_spec.language) is not None]
    if asked in lexicon.measures:
        check_asked(encoder, lexicon, asked)
    concepts = [asked] if asked in lexicon.findings else []
    if asked is None:
        concepts = [name for name in usual_findings(sample, lexicon) if name not in OTHER_WORDS]
    folds = np.array([fold_of(study.patient) for study in sample.studies], dtype=np.int64)
    values = []
    for name in can if asked is None else [asked] if asked in can else []:
        reader = fit_value(encoder, lexicon, sample, name)
        if reader.width is not None:
            read = reader.read(sample.vectors, folds)
            values.append(ReadValues(reader, float(np.median(read)), float(read.std()) + 1e-9))
    return VideoJudge(fit_grade_readers(encoder, lexicon, sample, concepts, LEAST), tuple(values))


def _tolerance(concept: str, value: float) -> float:
    return EF_POINTS if concept == "lvef" else max(SHARE * abs(value), 1e-9)
