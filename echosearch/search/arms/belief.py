"""How far to believe a video score: a probability where the archive's own reports can calibrate it, else a percentile.

The background is a fixed random sample of the archive's studies: keys are HMACs, so the first N by key are one. Those
whose report states or denies the question are labelled; with enough of both a logistic curve is fitted (Platt 1999).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["BACKGROUND", "ENOUGH", "Belief", "fit_belief"]

BACKGROUND = 2000  # studies
ENOUGH = 25  # labelled studies of each kind that a probability needs
# How far the labels are drawn in: Platt's 1 made the curve too flat where videos tell a finding well. Chosen on phantom
# seed 4242; on 777 the calibration error fell from 0.048 to 0.021 and the Brier score from 0.029 to 0.024.
SMOOTHING = 0.25
_STEPS = 100  # of Newton's method; it ends after fewer than twenty
_LONGEST = 2.0  # of a step: of labels that videos part fully a first one would lead too far

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Belief:
    """Turns a score into a probability (``labelled`` True) or a percentile, both 0 to 1."""

    scores: Numbers = field(repr=False)  # of the background, ascending
    slope: float = 0.0
    offset: float = 0.0
    labelled: int = 0  # studies behind the curve; 0: no curve

    @property
    def kind(self) -> str:
        return "probability" if self.labelled else "percentile"

    def percentile(self, score: Numbers) -> Numbers:
        """Return the share of the background that fits worse."""
        if not len(self.scores):
            return np.full_like(score, np.nan)
        found: Numbers = np.searchsorted(self.scores, score, side="left") / len(self.scores)
        return found

    def __call__(self, score: Numbers) -> Numbers:
        if not self.labelled:
            return self.percentile(score)
        return _logistic(self.slope * score + self.offset)


def fit_belief(scores: Numbers, stated: NDArray[np.bool_], denied: NDArray[np.bool_], least: int = ENOUGH) -> Belief:
    """Fit ``scores`` (N,) of the background to the verdict of each study's report on the question.

    The curve needs ``least`` studies of each verdict.
    """
    ordered = np.sort(scores)
    known = stated | denied
    if stated.sum() < least or denied.sum() < least:
        return Belief(ordered)
    x, y = scores[known], stated[known]
    centre, scale = float(x.mean()), float(x.std()) or 1.0
    slope, offset = _newton((x - centre) / scale, y)
    if slope <= 0:  # the videos do not tell this finding: a curve that falls would turn the order around
        return Belief(ordered)
    return Belief(ordered, slope / scale, offset - slope * centre / scale, int(known.sum()))


def _newton(x: Numbers, there: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset that maximise the likelihood of smoothed labels, as Platt's, with a weak prior on the slope."""
    positives, negatives = int(there.sum()), int((~there).sum())
    target = np.where(
        there, (positives + SMOOTHING) / (positives + 2 * SMOOTHING), SMOOTHING / (negatives + 2 * SMOOTHING)
    )
    design = np.stack([x, np.ones_like(x)], axis=1)
    weights = np.zeros(2)
    prior = np.diag([1e-2, 1e-6])
    for _ in range(_STEPS):
        p = _logistic(design @ weights)
        gradient = design.T @ (p - target) + prior @ weights
        hessian = (design * (p * (1 - p))[:, None]).T @ design + prior
        step = np.linalg.solve(hessian, gradient)
        length = float(np.abs(step).max())
        weights = weights - step / max(1.0, length / _LONGEST)
        if length < 1e-8:
            break
    return float(weights[0]), float(weights[1])


def _logistic(x: Numbers) -> Numbers:
    made: Numbers = 1 / (1 + np.exp(-np.clip(x, -60, 60)))
    return made
