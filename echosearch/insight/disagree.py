"""Studies whose report and videos (or structured reports) say different things, the most surprising first.

    surprise    the log odds, from what the videos show, that a statement of the report is wrong:
        stated, or not stated     that the finding is not there, or is there (curves.py)
        a grade                   that the true grade is 1.5 or more away
        a value (EF)              that the true value is 10 points or more away, by the scale without the patient's fold
    against structured reports    how far the two values are apart, in tolerances: 10 points of EF, 15 % of others

A study has the surprise of its most surprising statement. All studies are read, 2,000 at a time; the best are kept.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from echosearch.archive import Archive
from echosearch.db.studies.identified import Identified, identified
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import InputError
from echosearch.insight.curves import Curves, fit_curves, stated_by, stated_grade
from echosearch.insight.interpret import SAMPLE, usual_findings
from echosearch.insight.rates import Rate, Rates
from echosearch.insight.sample import VectorSample, fold_of, read_sample
from echosearch.insight.values import ValueReader, fit_value
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.arms.evidence import EF_POINTS, SHARE
from echosearch.search.arms.prompts import value_prompts
from echosearch.search.changes.asked import named_concept
from echosearch.search.changes.changed import month_text
from echosearch.search.changes.scale import Told, told_of
from echosearch.search.results import MAX_TOP_K
from echosearch.search.study_hits import Searching, searching

__all__ = ["SURPRISING", "Against", "Disagreement", "Disagreements", "Kind", "disagree"]

Against = Literal["videos", "sr"]
Kind = Literal["stated", "not stated", "grade", "value"]
LEAST = 10  # reports on either side that a curve needs here: it orders statements, and is not shown as calibrated
GRADES = 1.5  # apart
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
class _Found:
    """A statement of a report, and what it is compared with."""

    concept: str
    surprise: float
    kind: Kind
    probability: float | None = None
    grade: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class _Videos:
    """Compares reports with videos."""

    curves: Curves
    readers: tuple[ValueReader, ...] = field(default=())

    def compare(self, sample: VectorSample) -> Iterator[_Found | None]:
        """For each study its most surprising statement; None without a report, or a statement to compare."""
        scores = self.curves.scores(sample.vectors)
        believed, grades = self.curves.probabilities(scores), self.curves.grades(sample.vectors)
        folds = np.array([fold_of(study.patient) for study in sample.studies], dtype=np.int64)
        values = [reader.read(sample.vectors, folds) for reader in self.readers]
        for row, facts in enumerate(sample.facts):
            found: list[_Found] = []
            for column, curve in enumerate(self.curves.curves):
                p, told = believed[row, column], stated_by(facts, curve.concept) if facts else None
                if np.isnan(p) or told is None:
                    continue
                odds = float(np.log(p + 1e-9) - np.log(1 - p + 1e-9))
                found.append(_Found(curve.concept, -odds if told else odds, "stated" if told else "not stated", p))
                said, grade = stated_grade(facts, curve.concept), grades[row, column]
                if curve.grade is not None and said is not None:
                    apart = curve.grade.odds_apart(grade, said, GRADES)
                    found.append(_Found(curve.concept, apart, "grade", p, grade))
            for reader, each in zip(self.readers, values, strict=True):
                found += _of_value(reader, float(each[row]), told_values(sample, row, reader.concept))
            yield max(found, key=lambda one: one.surprise, default=None)


class _Measured:
    """Compares reports with structured reports."""

    def __init__(self, concepts: Sequence[str]) -> None:
        self._concepts = concepts

    def compare(self, sample: VectorSample) -> Iterator[_Found | None]:
        for row, measured in enumerate(sample.measured):
            found = []
            for concept in self._concepts:
                seen = [one.value for one in measured if one.concept == concept]
                said = told_values(sample, row, concept)
                if seen and said:
                    apart = min(
                        max(low - one, one - high, 0.0) / _tolerance(concept, one) for low, high in said for one in seen
                    )
                    found.append(_Found(concept, apart, "value"))
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
    with searching(archive) as search:
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


def _judge(search: Searching, lexicon: Lexicon, asked: str | None, against: Against) -> _Videos | _Measured:
    if against == "sr":
        if asked is not None and asked not in lexicon.measures:
            raise InputError(f"structured reports have measurements: {asked} is a finding, name one such as EF")
        return _Measured([*lexicon.measures] if asked is None else [asked])
    encoder = search.archive.encoder
    can = [name for name in lexicon.measures if value_prompts(name, encoder.text_spec.language) is not None]
    if asked in lexicon.measures and asked not in can:
        raise InputError(
            f"videos cannot be asked for {lexicon.labels.get(asked, asked)}: of measurements, for EF alone"
        )
    sample = read_sample(search, SAMPLE)
    concepts = usual_findings(sample, lexicon) if asked is None else [asked] if asked in lexicon.findings else []
    wanted = can if asked is None else [asked] if asked in can else []
    readers = [fit_value(encoder, lexicon, sample, name) for name in wanted]
    curves = fit_curves(encoder, lexicon, sample, concepts, LEAST)
    return _Videos(curves, tuple(reader for reader in readers if reader.width is not None))


def _batches(search: Searching) -> Iterator[VectorSample]:
    after: str | None = None
    while len(batch := read_sample(search, SAMPLE, after)):
        yield batch
        after = batch.studies[-1].study


def _of_value(reader: ValueReader, value: float, said: Sequence[tuple[float, float]]) -> Iterator[_Found]:
    if said:
        odds = [
            float(reader.scales[0].log_odds(np.array([value]), low - EF_POINTS, high + EF_POINTS)[0])
            for low, high in said
        ]
        yield _Found(reader.concept, -max(odds), "value", value=value)


def _tolerance(concept: str, value: float) -> float:
    return EF_POINTS if concept == "lvef" else max(SHARE * abs(value), 1e-9)


def _shown(batch: VectorSample, row: int, one: _Found, lexicon: Lexicon) -> Disagreement:
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


def _warnings(encoder: EncoderInfo, judge: _Videos | _Measured, against: Against, compared: int) -> Iterator[str]:
    if against == "videos" and not encoder.trained:
        yield f"encoder {encoder.name} is untrained: its weights are random and this order means nothing"
    if isinstance(judge, _Videos):
        left = [curve.concept for curve in judge.curves.curves if curve.belief is None]
        if left:
            yield f"not compared, too few reports or not told by the videos: {', '.join(left)}"
    if not compared:
        yield f"no study has a report and {'structured reports' if against == 'sr' else 'videos'} to compare"
