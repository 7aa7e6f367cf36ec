"""Values read off videos: what prompts say, put on a scale by studies whose value is known.

    zero-shot    the median of the fifth of the values whose prompts are nearest. It is drawn to the middle: a true EF
                 of 20 % is read as 34 %
    scale        a line through that and the known values, plus a ridge on the study's unit vector for what the line
                 leaves. With 10 known values it is the line alone, in effect; each further study adds to it

An archive's own values make the best scale; a shipped encoder has one beside it for archives without any, fitted on
phantoms (value_scales.json, made by ``python -m trainer.value_scale``). Errors: docs/experiments.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.vector import Vectors

__all__ = ["LEAST", "ValueScale", "fit_scale", "nearest_values", "shipped_scale"]

Numbers = NDArray[np.float64]
Source = Literal["archive", "shipped"]

NEAREST = 0.2  # share of the values whose prompts vote
LEAST = 10  # known values that a scale needs
RIDGE = 1.0  # against unit vectors; from 0.3 to 3 the error is within 0.1 points of EF, with 10 to 200 studies
WORTHWHILE = 0.9  # of the error of always guessing the mean
FOLDS = 5  # of patients, for the error
_LOGISTIC = float(np.sqrt(3) / np.pi)  # the scale of a logistic distribution with standard deviation 1


def nearest_values(cosine: Numbers, values: Numbers) -> Numbers:
    """Return (N,) medians of the values of the nearest fifth, for (N, K) cosines to K prompts."""
    kept = max(round(NEAREST * len(values)), 1)
    nearest = np.sort(values[np.argpartition(-cosine, kept - 1, axis=1)[:, :kept]], axis=1)
    medians: Numbers = nearest[:, [(kept - 1) // 2, kept // 2]].mean(axis=1)
    return medians


@dataclass(frozen=True)
class ValueScale:
    """Reads one measurement's value off study vectors. Errors are of patients that it was not fitted on."""

    concept: str
    source: Source
    studies: int  # whose value was known
    error: float  # mean absolute error, in the measurement's unit
    spread: float  # root mean square error
    offset: float = field(repr=False)
    slope: float = field(repr=False)
    weights: Numbers = field(repr=False)  # (D,)
    below: ValueScale | None = field(default=None, repr=False)  # whose values this one takes in place of the prompts'

    def __call__(self, zero_shot: Numbers, videos: Vectors) -> Numbers:
        """(N,) values that prompts gave and (N, D) unit vectors -> (N,) values."""
        first = zero_shot if self.below is None else self.below(zero_shot, videos)
        return self.offset + self.slope * first + videos.astype(np.float64) @ self.weights

    def log_odds(self, values: Numbers, low: float, high: float) -> Numbers:
        """Return (N,) log odds that the true value of (N,) estimates is in [low, high]; an end may be infinite.

        Errors are taken as logistic with this scale's spread, so that the odds of one end are a line in the estimate.
        """
        width = max(self.spread, 1e-6) * _LOGISTIC
        if np.isinf(low):
            return (high - values) / width
        if np.isinf(high):
            return (values - low) / width
        inside = _logistic((high - values) / width) - _logistic((low - values) / width)
        inside = np.clip(inside, 1e-300, 1 - 1e-16)
        odds: Numbers = np.log(inside) - np.log1p(-inside)
        return odds


def fit_scale(
    concept: str,
    zero_shot: Numbers,
    videos: Vectors,
    known: Numbers,
    patients: Sequence[str],
    source: Source = "archive",
    below: ValueScale | None = None,
) -> ValueScale | None:
    """Fit on studies whose value is known: (N,) zero-shot values, (N, D) unit vectors, (N,) values, N patients.

    None with fewer than LEAST studies, or of fewer than FOLDS patients, or if the values that it would replace, or one
    and the same guess for all, are about as near to the known ones.
    """
    names = {name: number for number, name in enumerate(sorted(set(patients)))}
    if len(known) < LEAST or len(names) < FOLDS:
        return None
    before = zero_shot if below is None else below(zero_shot, videos)
    inputs = np.concatenate([np.ones((len(known), 1)), before[:, None], videos.astype(np.float64)], axis=1)
    fold = np.array([names[name] % FOLDS for name in patients])
    residual = np.zeros(len(known))
    for each in range(FOLDS):
        held = fold == each
        residual[held] = inputs[held] @ _ridge(inputs[~held], known[~held]) - known[held]
    error = float(np.abs(residual).mean())
    constant = float(np.abs(known - known.mean()).mean())
    if error >= min(float(np.abs(before - known).mean()), WORTHWHILE * constant):
        return None
    fitted = _ridge(inputs, known)
    return ValueScale(
        concept,
        source,
        len(known),
        error,
        float(np.sqrt((residual**2).mean())),
        float(fitted[0]),
        float(fitted[1]),
        fitted[2:],
        below,
    )


def _ridge(inputs: Numbers, known: Numbers) -> Numbers:
    """Least squares; only what belongs to the vectors is held small, not the line."""
    held = np.full(inputs.shape[1], RIDGE)
    held[:2] = 1e-6
    return np.asarray(np.linalg.solve(inputs.T @ inputs + np.diag(held), inputs.T @ known), dtype=np.float64)


def shipped_scale(fingerprint: str, concept: str) -> ValueScale | None:
    """Return the scale that ships beside an encoder, by its fingerprint; None if there is none."""
    entry = _shipped().get(fingerprint, {}).get(concept)
    if entry is None:
        return None
    return ValueScale(
        concept,
        "shipped",
        entry["studies"],
        entry["error"],
        entry["spread"],
        entry["offset"],
        entry["slope"],
        np.array(entry["weights"]),
    )


@cache
def _shipped() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath("value_scales.json").read_text(encoding="utf-8"))
    return loaded


def _logistic(x: Numbers) -> Numbers:
    made: Numbers = 1 / (1 + np.exp(-np.clip(x, -700, 700)))
    return made
