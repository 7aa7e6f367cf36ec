"""The video arm: how well a study's videos fit a condition, asked through prompts and never through the typed string.

A condition wants some levels of a concept: grades 3 and 4 (中等度以上のMR), or the values below 40 (EF < 40 %). c_k is
the mean cosine of a study to the prompts of level k (of several meanings the nearest):

    one end is wanted (MR, なし, 中等度以上)    mean of the wanted c_k less the mean of the others
    grades in between (軽度のMR)               log share of the wanted + GATE min(present less absent, PLENTY)
    one region of several (wall motion)       greatest z of a region less none + that of a region less the others
    a value (EF)                              log odds of the condition for the value that a scale reads
                                              (value_scale.py); without one, how far on the wanted side the value is

Scores of two conditions are not on one scale; echosearch.search.ask compares their percentiles in the archive. The
forms were chosen on phantom seed 4242 (docs/experiments.md).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.report.facts import AnyOf, ChangeCondition, FindingCondition, ValueCondition
from echosearch.search.arms.prompt_vectors import prompt_vectors
from echosearch.search.arms.prompts import MILD, PromptSet, prompt_set, value_prompts
from echosearch.search.arms.value_scale import ValueScale, nearest_values
from echosearch.search.results import ReadValue
from echosearch.vector import Vectors, unit

__all__ = ["AskedVideos", "ask_videos"]

Scores = NDArray[np.float64]
Form = Literal["ends", "between", "regional", "below", "above", "near", "far"]

TEMPERATURE = 0.05  # of the share of levels
GATE, PLENTY = 5.0, 0.1  # how much a finding's presence counts beside its grade, and from where on it counts no more
REGIONS = 3  # meanings of which one may differ from the others
AROUND = 5  # a value that is asked for exactly means those so near
_REMEMBERED = 200  # questions, 40 KB each at 512 dimensions


@dataclass(frozen=True)
class _Levels:
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
    background: tuple[Scores, Scores] | None = field(
        default=None, repr=False
    )  # mean and spread of _regions, each (2, K)

    def score(self, videos: Vectors) -> Scores:
        """(N, D) unit vectors -> (N,), higher is nearer to what is wanted."""
        best = self.near_levels(videos)
        match self.form:
            case "ends":
                return _mean(best[:, self.wanted]) - _mean(best[:, self.others])
            case "regional":
                regions = self._regions((videos @ self.meanings.T).astype(np.float64))
                if self.background is not None:
                    mean, spread = self.background
                    regions = (regions - mean[:, None]) / spread[:, None]
                found: Scores = regions.max(axis=2).sum(axis=0)
                return found if self.wanted[-1] else -found
            case "between":
                power = np.exp((best - best.max(axis=1, keepdims=True)) / TEMPERATURE)
                share: Scores = np.log(power[:, self.wanted].sum(axis=1) / power.sum(axis=1) + 1e-12)
                present = _mean(best[:, self.values >= MILD]) - _mean(best[:, self.values == 0])
                return share + GATE * np.minimum(present, PLENTY)
            case _:
                return self._of_values(nearest_values(best, self.values), videos)

    def near_levels(self, videos: Vectors) -> Scores:
        """(N, D) unit vectors -> (N, L) cosines to each level, of several meanings the nearest."""
        near = (videos @ self.meanings.T).astype(np.float64)  # (N, M); ``level`` ascends
        levels: Scores = np.maximum.reduceat(near, np.searchsorted(self.level, np.arange(len(self.values))), axis=1)
        return levels

    @property
    def is_value(self) -> bool:
        """Whether a measurement's value is asked for, not a finding."""
        return self.form in ("below", "above", "near", "far")

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

    def standardised(self, videos: Vectors) -> _Levels:
        """With the archive's background for what is compared between regions; ``videos`` (N, D) unit vectors."""
        if self.form != "regional" or len(videos) < 2:
            return self
        regions = self._regions((videos @ self.meanings.T).astype(np.float64))
        return replace(self, background=(regions.mean(axis=1), regions.std(axis=1) + 1e-9))

    @property
    def direction(self) -> Vectors:
        """(D,): what the index is asked with, to find candidates: the wanted levels less the others."""
        towards = self.meanings[self.wanted[self.level]].sum(axis=0) / max(self.wanted[self.level].sum(), 1)
        away = self.meanings[self.others[self.level]].sum(axis=0) / max(self.others[self.level].sum(), 1)
        return unit((towards - away).astype(np.float32))


def _mean(columns: Scores) -> Scores:
    """(N, L) -> (N,); of no columns 0."""
    made: Scores = columns.mean(axis=1) if columns.shape[1] else np.zeros(len(columns))
    return made


@dataclass(frozen=True)
class AskedVideos:
    """The conditions of a question that videos can be asked for, in the question's order."""

    conditions: tuple[FindingCondition | ValueCondition | AnyOf, ...]
    levels: tuple[tuple[_Levels, ...], ...] = field(
        repr=False
    )  # of each condition; an AnyOf has one for each of its own

    def scores(self, videos: Vectors) -> Scores:
        """Score (N, D) raw vectors as (N, C), higher is nearer; each condition on a scale of its own."""
        if not self.conditions:
            return np.zeros((len(videos), 0))
        towards = unit(videos)
        return np.stack([np.max([one.score(towards) for one in each], axis=0) for each in self.levels], axis=1)

    @property
    def measurements(self) -> list[str]:
        """The measurements whose values are asked for."""
        return list(dict.fromkeys(one.concept for each in self.levels for one in each if one.is_value))

    def zero_shot_values(self, measurement: str, videos: Vectors) -> Scores:
        """Read (N,) values off (N, D) unit vectors by the prompts of the measurement that is asked for."""
        asked = next(one for each in self.levels for one in each if one.is_value and one.concept == measurement)
        return nearest_values(asked.near_levels(videos), asked.values)

    def scaled(self, scales: Mapping[str, ValueScale]) -> AskedVideos:
        """Add the scale of each measurement, by concept."""
        given = tuple(
            tuple(replace(one, scale=scales.get(one.concept)) if one.is_value else one for one in each)
            for each in self.levels
        )
        return replace(self, levels=given)

    def standardised(self, videos: Vectors) -> AskedVideos:
        """Add the archive's background; ``videos`` (N, D) raw vectors of a sample of its studies."""
        towards = unit(videos)
        return replace(self, levels=tuple(tuple(one.standardised(towards) for one in each) for each in self.levels))

    @property
    def scales(self) -> tuple[ValueScale | None, ...]:
        """The scale that each condition is read on; None unless it is about one measurement that has one."""
        return tuple(each[0].scale if len(each) == 1 else None for each in self.levels)

    @property
    def read_values(self) -> tuple[ReadValue, ...]:
        """How the values of each measurement are read, where a scale reads them."""
        scales = {one.concept: one.scale for each in self.levels for one in each if one.scale is not None}
        return tuple(ReadValue(one.concept, one.source, one.studies, one.error) for one in scales.values())

    @property
    def directions(self) -> list[Vectors]:
        """Vectors (D,) to ask the index for candidates with."""
        return [one.direction for each in self.levels for one in each]


Single = FindingCondition | ValueCondition
_ASKED: OrderedDict[Hashable, AskedVideos] = OrderedDict()


def ask_videos(
    encoder: Encoder,
    labels: dict[str, str],
    conditions: Sequence[FindingCondition | ValueCondition | AnyOf | ChangeCondition],
) -> AskedVideos:
    """Embed the prompts of all conditions at once, and remember them. What videos cannot be asked for is left out."""
    kept = [one for one in conditions if not isinstance(one, ChangeCondition)]  # of one study's videos nothing follows
    named = {single.concept for one in kept for single in _singles(one)}
    key = (encoder.id.fingerprint, tuple(kept), tuple(sorted((name, labels.get(name, name)) for name in named)))
    if key not in _ASKED:
        _ASKED[key] = _ask_videos(encoder, labels, kept)
        if len(_ASKED) > _REMEMBERED:
            _ASKED.popitem(last=False)
    return _ASKED[key]


def _singles(condition: Single | AnyOf) -> tuple[Single, ...]:
    return condition.conditions if isinstance(condition, AnyOf) else (condition,)


def _ask_videos(encoder: Encoder, labels: dict[str, str], conditions: Sequence[Single | AnyOf]) -> AskedVideos:
    language = encoder.text_spec.language

    def of(condition: Single) -> PromptSet | None:
        if isinstance(condition, ValueCondition):
            return value_prompts(condition.concept, language)
        return prompt_set(condition.concept, labels.get(condition.concept, condition.concept), language)

    asked = []
    for condition in conditions:
        sets = [(one, made) for one in _singles(condition) if (made := of(one)) is not None]
        if sets and len(sets) == len(_singles(condition)):
            asked.append((condition, sets))
    texts = list(dict.fromkeys(text for _, sets in asked for _, made in sets for text in made.texts))
    vectors = prompt_vectors(encoder, texts) if texts else {}
    return AskedVideos(
        tuple(condition for condition, _ in asked),
        tuple(tuple(_levels(one, made, vectors) for one, made in sets) for _, sets in asked),
    )


def _levels(condition: FindingCondition | ValueCondition, made: PromptSet, vectors: dict[str, Vectors]) -> _Levels:
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
    return _Levels(
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
