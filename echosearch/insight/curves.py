"""How likely the archive's own reports would state a finding of such videos: a curve for each finding.

    probability    a logistic curve over the videos' score (search/arms/belief.py), fitted to the sample's reports:
                   which state the finding, mild or more, and which deny it or do not mention it
    error          expected calibration error in patients that the curve was not fitted on (five folds)
    grade          a line from the expected grade along the prompts to the grades that reports state

A report that is not sure of a finding (疑い, 評価困難) counts on neither side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.insight.sample import FOLDS, VectorSample, fold_of
from echosearch.report.facts import Fact, FindingCondition, Lexicon
from echosearch.search.arms.belief import ENOUGH, Belief, fit_belief
from echosearch.search.arms.reliability import calibration_error
from echosearch.search.arms.told import stated_by, told_by
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.search.changes.amount import Amount, amounts
from echosearch.vector import Vectors

__all__ = ["Curve", "Curves", "GradeLine", "fit_curves", "stated_grade", "stated_level"]

Numbers = NDArray[np.float64]
WORTHWHILE = 0.9  # of the squared error of always guessing the share: a curve that is no better tells nothing


@dataclass(frozen=True)
class GradeLine:
    """Expected grade along the prompts -> grade as reports state it. Errors are of the studies that it is fitted on."""

    offset: float
    slope: float
    studies: int  # whose report states a grade, or denies the finding
    error: float  # mean absolute error, in grades
    spread: float  # root mean square error

    def __call__(self, amount: Numbers) -> Numbers:
        return np.clip(self.offset + self.slope * amount, 0, 4)


@dataclass(frozen=True)
class Curve:
    """What is known of one finding. ``belief`` is None where the sample cannot calibrate it; ``why_not`` says why."""

    concept: str
    positives: int  # studies whose report states it, mild or more
    negatives: int  # whose report denies it, or does not mention it
    belief: Belief | None = field(default=None, repr=False)
    error: float | None = None  # expected calibration error in patients that the curve was not fitted on
    grade: GradeLine | None = None
    why_not: str | None = None


@dataclass(frozen=True)
class Curves:
    """The curves of findings, and the prompts that they are asked by."""

    asked: AskedVideos = field(repr=False)
    amounts: Mapping[str, Amount] = field(repr=False)
    curves: tuple[Curve, ...]  # in the order of the questions

    def scores(self, videos: Vectors) -> Numbers:
        """Score (N, D) raw vectors as (N, C), higher is likelier."""
        return self.asked.scores(videos)

    def probabilities(self, scores: Numbers) -> Numbers:
        """Turn (N, C) scores into (N, C) probabilities; nan in the columns of findings that are not calibrated."""
        made = np.full(scores.shape, np.nan)
        for column, curve in enumerate(self.curves):
            if curve.belief is not None:
                made[:, column] = curve.belief(scores[:, column])
        return made

    def grades(self, videos: Vectors) -> Numbers:
        """Read (N, C) grades off (N, D) raw vectors; nan where a finding has none, or too few reports state them."""
        made = np.full((len(videos), len(self.curves)), np.nan)
        for column, curve in enumerate(self.curves):
            if curve.grade is not None:
                made[:, column] = curve.grade(self.amounts[curve.concept](videos))
        return made


def fit_curves(encoder: Encoder, lexicon: Lexicon, sample: VectorSample, concepts: Sequence[str]) -> Curves:
    """Fit a curve for each finding of ``concepts``; it needs ENOUGH studies on either side.

    The caller leaves out of the sample the patients whose studies are to be read.
    """
    conditions = [FindingCondition(concept, "present", None) for concept in concepts]
    asked = ask_videos(encoder, dict(lexicon.labels), conditions).standardised(sample.vectors)
    scores = asked.scores(sample.vectors)
    along = amounts(encoder, lexicon, concepts)
    folds = np.array([fold_of(study.patient) for study in sample.studies])
    made = []
    for column, concept in enumerate(concepts):
        told = np.array([_number(stated_by(facts, concept)) for facts in sample.facts])
        made.append(_curve(concept, scores[:, column], told, folds, along[concept], sample))
    return Curves(asked, along, tuple(made))


def stated_level(facts: Sequence[Fact], concept: str, graded: bool) -> float | None:
    """Return the grade, 0 to 4, that a report means: 4 of a finding without grades, 0 if it is not stated.

    None if there is no report, or it is not sure, or it states a finding and not its grade.
    """
    grade = stated_grade(facts, concept)
    if not facts or grade is not None:
        return grade
    told = stated_by(facts, concept)
    return 0.0 if told is False else 4.0 if told and not graded else None


def stated_grade(facts: Sequence[Fact], concept: str) -> float | None:
    """Return the grade, 0 to 4, that a report states, the middle of a range; 0 if denied, else None."""
    graded = [f.severity for f in facts if f.concept == concept and f.polarity == "present" and f.severity is not None]
    if graded:
        return sum(graded[-1]) / 2
    denied = any(f.concept == concept and f.polarity == "absent" for f in facts)
    return 0.0 if denied and not told_by(facts, concept) else None  # 側壁は正常、下壁は低収縮: not denied


def _curve(
    concept: str,
    scores: Numbers,
    told: Numbers,
    folds: NDArray[np.int64],
    along: Amount,
    sample: VectorSample,
) -> Curve:
    stated, other = told == 1, told == 0
    counts = (concept, int(stated.sum()), int(other.sum()))
    if min(counts[1:]) < ENOUGH:
        return Curve(*counts, why_not=f"{ENOUGH} reports on either side are needed")
    held = np.full(len(told), np.nan)
    for fold in range(FOLDS):
        inside = folds == fold
        part = fit_belief(scores[~inside], stated[~inside], other[~inside], ENOUGH // 2)
        if part.labelled:
            held[inside] = part(scores[inside])
    known = (stated | other) & ~np.isnan(held)
    share = stated[known].mean() if known.any() else 0.0
    worth = WORTHWHILE * share * (1 - share)
    belief = fit_belief(scores, stated, other)
    if not belief.labelled or not known.any() or ((held[known] - stated[known]) ** 2).mean() >= worth:
        return Curve(*counts, why_not="its videos do not tell the reports that state it from the others")
    error = calibration_error(held[known], stated[known])
    return Curve(*counts, belief=belief, error=error, grade=_grade_line(concept, along, sample))


def _grade_line(concept: str, along: Amount, sample: VectorSample) -> GradeLine | None:
    if len(along.values) <= 2:
        return None
    grades = np.array([_number(stated_grade(facts, concept)) for facts in sample.facts])
    known = ~np.isnan(grades)
    if (grades[known] > 0).sum() < ENOUGH or (grades[known] == 0).sum() < ENOUGH:
        return None
    inputs = np.stack([np.ones(int(known.sum())), along(sample.vectors[known])], axis=1)
    line = np.linalg.lstsq(inputs, grades[known], rcond=None)[0]
    apart = np.clip(inputs @ line, 0, 4) - grades[known]
    spread = float(np.sqrt((apart**2).mean()))
    return GradeLine(float(line[0]), float(line[1]), len(apart), float(np.abs(apart).mean()), max(spread, 0.1))


def _number(told: float | None) -> float:
    return np.nan if told is None else float(told)
