"""The levels of a condition as vectors, and how near a study is to the wanted ones.

A condition wants some levels of a concept: grades 3 and 4 (中等度以上のMR), or the values below 40 (EF < 40 %). c_k is
the mean cosine of a study to the prompts of level k (of several meanings the nearest):

    one end is wanted (MR, なし, 中等度以上)    mean of the wanted c_k less the mean of the others
    grades in between (軽度のMR)               log share of the wanted + GATE min(present less absent, PLENTY)
    one region of several (wall motion)       greatest z of a region less none + that of a region less the others;
                                              of one wall (下壁の無収縮) those of its own regions alone
    a value (EF)                              log odds of the condition for the value that a scale reads
                                              (value_scale.py); without one, how far on the wanted side the value is

Scores of two conditions are not on one scale; scale.py makes probabilities of them to compare them. The forms were
chosen on phantom seed 4242 (docs/experiments.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.report.facts import FindingCondition, ValueCondition
from echosearch.search.arms.prompts import MILD, PromptSet
from echosearch.search.arms.value_scale import ValueScale, nearest_values
from echosearch.vector import Vectors, unit

__all__ = ["AskedLevels", "levels_of"]

Scores = NDArray[np.float64]
Form = Literal["ends", "between", "regional", "below", "above", "near", "far"]

TEMPERATURE = 0.05  # of the share of levels
GATE, PLENTY = 5.0, 0.1  # how much a finding's presence counts beside its grade, and from where on it counts no more
REGIONS = 3  # meanings of which one may differ from the others
CLEAR = (
    3.0  # the regional score from which on one differs: 1.5 standard deviations less none, and as much less the others
)
AROUND = 5  # a value that is asked for exactly means those so near


@dataclass(frozen=True)
class AskedLevels:
    """One condition's levels as vectors: row m the mean of the unit prompts of one meaning, ``level`` its level."""

    concept: str
    meanings: Vectors = field(repr=False)  # (M, D)
    level: NDArray[np.int64] = field(repr=False)  # (M,)
    values: Scores = field(repr=False)  # (L,) grades, or values of the measurement
    wanted: NDArray[np.bool_] = field(repr=False)  # (L,)
    others: NDArray[np.bool_] = field(repr=False)  # (L,) what the wanted ones are compared with
    form: Form
    limits: tuple[float, float] = (-np.inf, np.inf)  # of a wanted range of values
    scale: ValueScale | None = None  # of the measurement
    regions: tuple[int, ...] | None = None  # that are asked for, as rows of the last level's meanings; None: any
    background: tuple[Scores, Scores] | None = field(
        default=None, repr=False
    )  # mean and spread of _regions, each (2, K)

    def score(self, videos: Vectors) -> Scores:
        """Score (N, D) unit vectors as (N,), higher is nearer to what is wanted."""
        best = self.near_levels(videos)
        match self.form:
            case "ends":
                return _mean(best[:, self.wanted]) - _mean(best[:, self.others])
            case "regional":
                regions = self._regions((videos @ self.meanings.T).astype(np.float64))
                if self.background is not None:
                    mean, spread = self.background
                    regions = (regions - mean[:, None]) / spread[:, None]
                asked = regions if self.regions is None else regions[:, :, self.regions]
                found: Scores = asked.max(axis=2).sum(axis=0)
                return found if self.wanted[-1] else -found
            case "between":
                power = np.exp((best - best.max(axis=1, keepdims=True)) / TEMPERATURE)
                share: Scores = np.log(power[:, self.wanted].sum(axis=1) / power.sum(axis=1) + 1e-12)
                present = _mean(best[:, self.values >= MILD]) - _mean(best[:, self.values == 0])
                return share + GATE * np.minimum(present, PLENTY)
            case _:
                return self._of_values(nearest_values(best, self.values), videos)

    def near_levels(self, videos: Vectors) -> Scores:
        """Return the cosines (N, L) of (N, D) unit vectors to each level, of several meanings the nearest."""
        near = (videos @ self.meanings.T).astype(np.float64)  # (N, M); ``level`` ascends
        levels: Scores = np.maximum.reduceat(near, np.searchsorted(self.level, np.arange(len(self.values))), axis=1)
        return levels

    @property
    def is_value(self) -> bool:
        """Whether a measurement's value is asked for, not a finding."""
        return self.form in ("below", "above", "near", "far")

    @property
    def even(self) -> float:
        """The score that is as likely as not to be that of a study with what is wanted, where nothing else tells it."""
        low, high = self.limits
        match self.form:
            case "regional":
                return CLEAR if self.wanted[-1] else -CLEAR
            case "below" | "above" if self.scale is None:
                return -high if self.form == "below" else low
            case "near" | "far" if self.scale is None:
                return (low - high) / 2 if self.form == "near" else (high - low) / 2
            case _:  # a difference of cosines, or log odds
                return 0.0

    def _of_values(self, values: Scores, videos: Vectors) -> Scores:
        """(N,) values that prompts give and (N, D) unit vectors -> (N,), higher is nearer to the wanted values."""
        low, high = self.limits
        if self.scale is not None:
            odds = self.scale.log_odds(self.scale(values, videos), low, high)
            return -odds if self.form == "far" else odds
        if self.form in ("below", "above"):
            return -values if self.form == "below" else values
        apart: Scores = np.abs(values - (low + high) / 2)
        return apart if self.form == "far" else -apart

    def _regions(self, near: Scores) -> Scores:
        """(N, M) cosines -> (2, N, K): each region less none, and less the other regions: it is one that differs."""
        alone = near[:, self.level == len(self.values) - 1] - near[:, self.level == 0].mean(axis=1, keepdims=True)
        return np.stack([alone, alone - alone.mean(axis=1, keepdims=True)])

    def standardised(self, videos: Vectors) -> AskedLevels:
        """Add the archive's background for what is compared between regions; ``videos`` (N, D) unit vectors."""
        if self.form != "regional" or len(videos) < 2:
            return self
        regions = self._regions((videos @ self.meanings.T).astype(np.float64))
        return replace(self, background=(regions.mean(axis=1), regions.std(axis=1) + 1e-9))

    @property
    def direction(self) -> Vectors:
        """(D,): what the index is asked with, to find candidates: the wanted levels less the others."""
        wanted, others = self.wanted[self.level], self.others[self.level]
        if self.regions is not None and self.wanted[-1]:  # the other walls are what it is compared with
            rows = np.flatnonzero(self.level == self.level[-1])
            meant = np.isin(np.arange(len(self.level)), rows[list(self.regions)])
            wanted, others = wanted & meant, others | (wanted & ~meant)
        towards = self.meanings[wanted].sum(axis=0) / max(wanted.sum(), 1)
        away = self.meanings[others].sum(axis=0) / max(others.sum(), 1)
        return unit((towards - away).astype(np.float32))


def _mean(columns: Scores) -> Scores:
    """(N, L) -> (N,); of no columns 0."""
    made: Scores = columns.mean(axis=1) if columns.shape[1] else np.zeros(len(columns))
    return made


def levels_of(
    condition: FindingCondition | ValueCondition, made: PromptSet, vectors: dict[str, Vectors]
) -> AskedLevels:
    """Return the levels of a condition: its prompts, and the unit vector (D,) of each of their texts."""
    rows = [
        (number, np.mean([vectors[text] for text in meaning], axis=0))
        for number, level in enumerate(made.levels)
        for meaning in level.meanings
    ]
    values = np.array([float(level.value) for level in made.levels])
    wanted = np.array([_wants(condition, value, made.graded) for value in values])
    ungraded = isinstance(condition, FindingCondition) and condition.severity is None
    others = ~wanted
    if isinstance(condition, FindingCondition) and condition.polarity != "present":
        others = values >= MILD
    elif ungraded:
        others = values == 0
    form, limits = _form(condition, made, wanted)
    return AskedLevels(
        condition.concept,
        np.stack([mean for _, mean in rows]).astype(np.float32),
        np.array([number for number, _ in rows]),
        values,
        wanted,
        others,
        form,
        limits=limits,
    )


def _form(
    condition: FindingCondition | ValueCondition, made: PromptSet, wanted: NDArray[np.bool_]
) -> tuple[Form, tuple[float, float]]:
    """How the levels are compared, and the limits of a wanted range of values (of one to leave out, if far)."""
    if isinstance(condition, ValueCondition):
        low, high = condition.value, condition.value if condition.value_hi is None else condition.value_hi
        match condition.op:
            case "<" | "<=":
                return "below", (-np.inf, high)
            case ">" | ">=":
                return "above", (low, np.inf)
            case "between":
                return "near", (low, high)
            case _:
                return ("far" if condition.op == "!=" else "near"), (low - AROUND, high + AROUND)
    if len(made.levels) == 2 and len(made.levels[-1].meanings) >= REGIONS:
        return "regional", (-np.inf, np.inf)
    inside = bool(wanted.any() and not wanted[0] and not wanted[-1] and len(made.levels) > 2)
    return ("between" if inside else "ends"), (-np.inf, np.inf)


def _wants(condition: FindingCondition | ValueCondition, level: float, graded: bool) -> bool:
    """Whether a level satisfies a condition; values that are asked for exactly have a neighbourhood."""
    if isinstance(condition, ValueCondition):
        low, high = condition.value, condition.value if condition.value_hi is None else condition.value_hi
        satisfied = {
            "<": level < low,
            "<=": level <= low,
            ">": level > low,
            ">=": level >= low,
            "between": low <= level <= high,
            "=": abs(level - low) <= AROUND,
            "!=": abs(level - low) > AROUND,
        }
        return satisfied[condition.op]
    if condition.polarity in ("absent", "not_significant"):
        return level == 0
    if condition.severity is None or not graded:
        return level >= MILD
    return condition.severity[0] <= level <= condition.severity[1]
