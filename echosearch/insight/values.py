"""Values read off videos with an interval that holds nine of ten true values: the split conformal method.

The archive's value scale (search/arms/value_scale.py) is fitted on studies whose value is known, five times without a
fold of the patients; the errors in the patients left out give the width: the interval is the reading plus and minus the
quantile ceil(0.9 (n + 1)) / n of the absolute errors (Vovk 2015, cross-conformal; Lei 2018).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.insight.sample import FOLDS, VectorSample, fold_of
from echosearch.report.facts import Lexicon, ValueCondition
from echosearch.search.arms.belief import ENOUGH
from echosearch.search.arms.value_scale import ValueScale, fit_scale, shipped_scale
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.vector import Vectors, unit

__all__ = ["COVERAGE", "ValueReader", "fit_value", "known_value"]

Numbers = NDArray[np.float64]
COVERAGE = 0.9  # of true values that an interval is to hold


@dataclass(frozen=True)
class ValueReader:
    """Reads one measurement. ``scale`` is None where the sample knows too few values; ``why_not`` says so."""

    concept: str
    unit: str | None
    studies: int  # whose value was known
    scales: tuple[ValueScale, ...] = field(default=(), repr=False)  # one for each fold of patients: fitted without it
    asked: AskedVideos | None = field(default=None, repr=False)
    error: float | None = None  # mean absolute error in patients left out
    width: float | None = None  # half of the interval
    why_not: str | None = None

    @property
    def spread(self) -> float:
        """Root mean square error in patients left out."""
        return float(np.mean([scale.spread for scale in self.scales]))

    def read(self, videos: Vectors, folds: NDArray[np.int64]) -> Numbers:
        """Read (N,) values off (N, D) raw vectors, each by the scale without its patient's fold (N,).

        A fold of -1 (nobody of the sample) takes the mean of all scales.
        """
        assert self.asked is not None
        towards = unit(videos)
        first = self.asked.zero_shot_values(self.concept, towards)
        each = np.stack([scale(first, towards) for scale in self.scales])
        chosen = each[np.clip(folds, 0, None), np.arange(len(videos))]
        return np.where(folds < 0, each.mean(axis=0), chosen)


def fit_value(encoder: Encoder, lexicon: Lexicon, sample: VectorSample, concept: str) -> ValueReader:
    """Fit the reader of a measurement, which videos can be asked for, on the known values of the sample."""
    name = lexicon.measures[concept].unit
    known = np.array([_number(sample, row, concept) for row in range(len(sample))])
    rows = np.flatnonzero(~np.isnan(known))
    if len(rows) < ENOUGH:
        return ValueReader(concept, name, len(rows), why_not=f"{ENOUGH} known values are needed")
    asked = ask_videos(encoder, dict(lexicon.labels), [ValueCondition(concept, "<", 40.0, None, name)])
    patients = [sample.studies[row].patient for row in rows]
    folds = np.array([fold_of(patient) for patient in patients])
    towards, below = unit(sample.vectors[rows]), shipped_scale(encoder.id.fingerprint, concept)
    first = asked.zero_shot_values(concept, towards)
    scales = []
    for fold in range(FOLDS):
        kept = folds != fold
        chosen = [patient for patient, inside in zip(patients, kept, strict=True) if inside]
        scale = fit_scale(concept, first[kept], towards[kept], known[rows][kept], chosen, below=below) or below
        if scale is None:
            return ValueReader(concept, name, len(rows), why_not="its videos tell no more than the mean of all values")
        scales.append(scale)
    reader = ValueReader(concept, name, len(rows), tuple(scales), asked)
    apart = np.abs(reader.read(sample.vectors[rows], folds) - known[rows])
    place = min(int(np.ceil(COVERAGE * (len(apart) + 1))), len(apart)) - 1
    return ValueReader(
        concept, name, len(rows), tuple(scales), asked, float(apart.mean()), float(np.sort(apart)[place])
    )


def known_value(sample: VectorSample, row: int, concept: str) -> float | None:
    """Return a study's value: of its structured report, else of its report; None if none, or several."""
    measured = {one.value for one in sample.measured[row] if one.concept == concept}
    if measured:
        return measured.pop() if len(measured) == 1 else None
    said = {
        fact.value
        for fact in sample.facts[row]
        if fact.concept == concept and fact.polarity == "present" and fact.value is not None and fact.value_hi is None
    }
    return said.pop() if len(said) == 1 else None


def _number(sample: VectorSample, row: int, concept: str) -> float:
    value = known_value(sample, row, concept)
    return np.nan if value is None else value
