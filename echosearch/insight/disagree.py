"""Studies whose report and videos (or structured reports) say different things, the most surprising first.

    surprise    the log odds, from what the videos show, that a statement of the report is wrong:
        a finding                 that its grade is 1.5 or more away from what is stated (grades.py, levels.py)
        a value (EF)              that it is any value of the archive and not the one that is stated, by the scale
                                  without the patient's fold
    against structured reports    how far the two values are apart, in tolerances: 10 points of EF, 15 % of others

A finding is compared where the study has a view that shows it, and silence only where reports usually speak of the
finding when it is there.

A study has the surprise of its most surprising statement. All studies are read, 2,000 at a time; the best are kept.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.archive import Archive
from echosearch.db.questions.fact_conditions import NARROWER
from echosearch.db.studies.identified import Identified, identified
from echosearch.encoder.base import Encoder
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import InputError
from echosearch.insight.curves import is_silent, stated_level
from echosearch.insight.grades import GradeReaders, fit_grade_readers
from echosearch.insight.interpret import SAMPLE, usual_findings
from echosearch.insight.levels import student
from echosearch.insight.rates import Rate, Rates
from echosearch.insight.sample import VectorSample, fold_of, read_sample
from echosearch.insight.values import ValueReader, fit_value
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.arms.evidence import EF_POINTS, SHARE
from echosearch.search.arms.prompts import MILD, value_prompts
from echosearch.search.changes.asked import named_concept
from echosearch.search.changes.changed import month_text
from echosearch.search.changes.scale import Told, told_of
from echosearch.search.results import MAX_TOP_K
from echosearch.search.study_hits import Searching, searching

__all__ = [
    "SURPRISING",
    "Against",
    "Disagreement",
    "Disagreements",
    "Kind",
    "VideoJudge",
    "disagree",
    "judge_by_videos",
]

Numbers = NDArray[np.float64]
Against = Literal["videos", "sr"]
Kind = Literal["stated", "not stated", "grade", "value"]
LEAST = 10  # reports on either side that a finding needs here: it orders statements, and is not shown as calibrated
# Other words for what rwma and the EF say; a report need not use them. They are compared when they are asked for.
OTHER_WORDS = frozenset({"lvef_low", "lv_wall_motion", *NARROWER["lv_wall_motion"]} - {"rwma"})
_NORMAL = 1.2533  # a mean absolute deviation of a normal distribution times this is its standard deviation
SURPRISING = {"videos": 3.0, "sr": 1.0}  # from this surprise on a study counts in the rates: odds of 20 to 1


@dataclass(frozen=True)
class Disagreement:
    """One study's most surprising statement. ``date`` is a month; what the videos show is None where it is not."""

    rank: int
    study: str
    patient: str
    date: str | None
    device: str | None
    concept: str
    label: str
    surprise: float  # log odds, or tolerances
    kind: Kind
    told: Told
    probability: float | None = None
    grade: float | None = None
    value: float | None = None
    identified: Identified | None = None


@dataclass(frozen=True)
class Disagreements:
    """The most surprising studies, and the share of surprising ones by device and year."""

    disagreements: tuple[Disagreement, ...]
    against: Against
    compared: int  # studies with a statement that could be compared
    surprising: int
    rates: tuple[Rate, ...]
    encoder: EncoderInfo
    warnings: tuple[str, ...]


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
        """For each study its most surprising statement; None without a report, or a statement to compare."""
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


class _Measured:
    """Compares reports with structured reports."""

    def __init__(self, concepts: Sequence[str]) -> None:
        self._concepts = concepts

    def compare(self, sample: VectorSample) -> Iterator[Found | None]:
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


def disagree(
    archive: Archive,
    *,
    finding: str | None = None,
    against: Against = "videos",
    top_k: int = 20,
    names: bool = False,
) -> Disagreements:
    """Rank studies by how much their report disagrees with their videos, or with their structured reports.

    ``finding`` is a finding or a measurement by any of its names; None: all. ``names`` adds identifiers.
    Raises InputError, EmptyArchive, EncoderMismatch, NoEncoder.
    """
    if not 1 <= top_k <= MAX_TOP_K:
        raise InputError(f"--top-k {top_k}: give a number from 1 to {MAX_TOP_K}")
    if against not in SURPRISING:
        raise InputError(f"against {against!r}: it is one of {', '.join(SURPRISING)}")
    lexicon = load_lexicon(archive.settings.lexicon)
    asked = None if finding is None else named_concept(finding, lexicon)
    with searching(archive, whole=True) as search:
        judge = _judge(search, lexicon, asked, against)
        best: list[tuple[float, str, Disagreement]] = []
        rates, compared = Rates(), 0
        for batch in _batches(search):
            for row, one in enumerate(judge.compare(batch)):
                if one is None:
                    continue
                compared += 1
                study = batch.studies[row]
                rates.add(batch.devices[row], study.month, one.surprise >= SURPRISING[against])
                if len(best) < top_k or one.surprise > best[0][0]:
                    heapq.heappush(best, (one.surprise, study.study, _shown(batch, row, one, lexicon)))
                    if len(best) > top_k:
                        heapq.heappop(best)
        ranked = [one for _, _, one in sorted(best, key=lambda each: (-each[0], each[1]))]
        who = identified(search.connection, [one.study for one in ranked]) if names else {}
        return Disagreements(
            tuple(replace(one, rank=place, identified=who.get(one.study)) for place, one in enumerate(ranked, 1)),
            against,
            compared,
            rates.surprising,
            rates.table(),
            archive.encoder_info,
            tuple(_warnings(archive.encoder_info, judge, against, compared)),
        )


def told_values(sample: VectorSample, row: int, concept: str) -> list[tuple[float, float]]:
    """The values, as ranges, that a study's report states of a measurement."""
    return [
        (fact.value, fact.value if fact.value_hi is None else fact.value_hi)
        for fact in sample.facts[row]
        if fact.concept == concept and fact.polarity == "present" and fact.value is not None and not fact.inherited
    ]


def _judge(search: Searching, lexicon: Lexicon, asked: str | None, against: Against) -> VideoJudge | _Measured:
    if against == "sr":
        if asked is not None and asked not in lexicon.measures:
            raise InputError(f"structured reports have measurements: {asked} is a finding, name one such as EF")
        return _Measured([*lexicon.measures] if asked is None else [asked])
    return judge_by_videos(search.archive.encoder, lexicon, read_sample(search, SAMPLE), asked)


def judge_by_videos(encoder: Encoder, lexicon: Lexicon, sample: VectorSample, asked: str | None = None) -> VideoJudge:
    """Fit what compares reports with videos on a sample of the archive; ``asked`` is a concept, None: all.

    Raises InputError if it is a measurement that videos cannot be asked for.
    """
    can = [name for name in lexicon.measures if value_prompts(name, encoder.text_spec.language) is not None]
    if asked in lexicon.measures and asked not in can:
        raise InputError(
            f"videos cannot be asked for {lexicon.labels.get(asked, asked)}: of measurements, for EF alone"
        )
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


def _batches(search: Searching) -> Iterator[VectorSample]:
    after: str | None = None
    while len(batch := read_sample(search, SAMPLE, after)):
        yield batch
        after = batch.studies[-1].study


def _tolerance(concept: str, value: float) -> float:
    return EF_POINTS if concept == "lvef" else max(SHARE * abs(value), 1e-9)


def _shown(batch: VectorSample, row: int, one: Found, lexicon: Lexicon) -> Disagreement:
    study = batch.studies[row]
    facts, measured = {study.study: batch.facts[row]}, {study.study: batch.measured[row]}
    return Disagreement(
        0,
        study.study,
        study.patient,
        None if study.month is None else month_text(study.month),
        batch.devices[row],
        one.concept,
        lexicon.labels.get(one.concept, one.concept),
        one.surprise,
        one.kind,
        told_of(one.concept, study.study, facts, measured),
        one.probability,
        one.grade,
        one.value,
    )


def _warnings(encoder: EncoderInfo, judge: VideoJudge | _Measured, against: Against, compared: int) -> Iterator[str]:
    if against == "videos" and not encoder.trained:
        yield f"encoder {encoder.name} is untrained: its weights are random and this order means nothing"
    if isinstance(judge, VideoJudge):
        left = [reader.concept for reader in judge.findings.readers if reader.levels is None]
        if left:
            yield f"not compared, too few reports or not told by the videos: {', '.join(left)}"
    if not compared:
        yield f"no study has a report and {'structured reports' if against == 'sr' else 'videos'} to compare"
