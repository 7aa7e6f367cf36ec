"""Measure scores with 95 % intervals over patients: area under the ROC curve, recall of an approximate index, means.

A bootstrap draws as many patients as there are, with replacement; a patient brings all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import WithJsonSchema

__all__ = [
    "EXACT",
    "SAMPLES",
    "Interval",
    "Number",
    "Sorted",
    "auc",
    "auc_interval",
    "mean_interval",
    "patient_bootstrap",
    "patient_draws",
    "percentiles",
    "recall_at",
]

EXACT = 12  # decimals of a cosine; the others depend on the order of sums, which differs from row to row
SAMPLES = 1000  # draws of a bootstrap

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Number = Annotated[float, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]})]  # nan is printed as null


@dataclass(frozen=True)
class Interval:
    """A score and its 95 % interval by bootstrap over patients."""

    value: Number
    low: Number = float("nan")
    high: Number = float("nan")


class Sorted:
    """Scores in the order that an AUC needs: sorted once for all draws of a bootstrap."""

    def __init__(self, score: Floats, positive: Flags) -> None:
        """(N,) scores, and which of them should be high."""
        values, number = np.unique(score, return_inverse=True)
        self.positive = positive
        self._levels = len(values)
        self._high, self._low = number[positive], number[~positive]

    def auc(self, weight: Floats) -> float:
        """Return the AUC with (N,) weights of the rows; nan if all weight is on one side."""
        high, low = weight[self.positive], weight[~self.positive]
        total = high.sum() * low.sum()
        if total <= 0:
            return float("nan")
        lower = np.bincount(self._low, low, minlength=self._levels)
        below = np.cumsum(lower) - lower / 2  # weight of the negatives below, and half of those that tie
        return float((high * below[self._high]).sum() / total)


def auc(score: Floats, positive: Flags) -> float:
    """Return the chance that a positive scores above a negative, where a tie counts half; nan without both."""
    return Sorted(score, positive).auc(np.ones(len(score)))


def auc_interval(
    score: Floats, positive: Flags, patients: Sequence[str], seed: int = 0, samples: int = SAMPLES
) -> Interval:
    """Return the AUC of (N,) scores with its interval; a draw without a positive, or a negative, is left out."""
    ordered = Sorted(score, positive)
    found = [ordered.auc(weight) for weight in patient_draws(patients, samples, seed)]
    return percentiles(ordered.auc(np.ones(len(score))), np.array(found))


def mean_interval(values: Floats, patients: Sequence[str], seed: int = 0, samples: int = SAMPLES) -> Interval:
    """Return the mean of (N,) values with its interval."""
    draws = patient_draws(patients, samples, seed)
    return percentiles(float(values.mean()), (draws @ values) / draws.sum(axis=1))


def patient_draws(patients: Sequence[str], samples: int = SAMPLES, seed: int = 0) -> Floats:
    """Return (samples, N): how often each of N rows counts in each draw of patients."""
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=samples)
    return drawn[:, owner].astype(np.float64)


def percentiles(value: float, draws: Floats) -> Interval:
    """Return the value with the 2.5th and 97.5th percentile of the draws that are not nan."""
    known = draws[~np.isnan(draws)]
    if not len(known):
        return Interval(value)
    low, high = np.percentile(known, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def recall_at(found: Sequence[Sequence[str]], exact: Sequence[Sequence[str]]) -> float:
    """Return the mean share of each exact list that was found."""
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, exact, strict=True) if b]))


def patient_bootstrap(
    score: Callable[[NDArray[np.int64]], float], patients: Sequence[str], seed: int = 0, samples: int = SAMPLES
) -> tuple[float, float]:
    """Return the 95 % interval of ``score(rows)`` over resampled patients, each with all its rows.

    A draw whose score is nan is left out.
    """
    names, number = np.unique(np.asarray(patients), return_inverse=True)
    rows_of = [np.flatnonzero(number == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    values = [
        score(np.concatenate([rows_of[i] for i in rng.integers(len(names), size=len(names))])) for _ in range(samples)
    ]
    found = percentiles(float("nan"), np.asarray(values, np.float64))
    return found.low, found.high
