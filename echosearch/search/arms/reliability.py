"""The calibration error of probabilities: how far they are from the shares that were so, over ten bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "Bin", "bins", "calibration_error"]

BINS = 10

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """Withheld studies whose probability is within [low, low + 1 / BINS)."""

    low: float
    believed: float  # mean probability
    true: float  # share that have the finding
    studies: int


def calibration_error(believed: Numbers, true: Flags) -> float:
    """Measure (N,) probabilities against what was so; nan of none."""
    if not len(believed):
        return float("nan")
    return float(sum(one.studies * abs(one.believed - one.true) for one in bins(believed, true)) / len(believed))


def bins(believed: Numbers, true: Flags) -> tuple[Bin, ...]:
    """Return the bins that have studies, the least likely first; (N,) probabilities and what was so."""
    place = np.minimum((believed * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(k / BINS, float(believed[inside].mean()), float(true[inside].mean()), int(inside.sum()))
        for k in range(BINS)
        if (inside := place == k).any()
    )
