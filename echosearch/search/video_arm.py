"""The video arm: how well a study's videos fit a condition, asked through prompts and never through the typed string.

A condition wants some levels of a concept (中等度以上のMR: grades 3 and 4; EF < 40 %: the values below 40). A study's
mean vector is compared with the prompts of every level, and its fit is the share of the wanted ones:

    fit = sum over wanted k of exp(c_k / T) / sum over all k,   c_k = mean cosine to the prompts of level k

A concept whose absence no report states (a pacemaker) has one level: its fit is the cosine, and only its percentile
says something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.report.facts import AnyOf, FindingCondition, ValueCondition
from echosearch.search.prompts import PromptSet, prompt_set, value_prompts
from echosearch.vector import Vectors, unit

__all__ = ["MILD", "AskedVideos", "ask_videos"]

Fits = NDArray[np.float64]

TEMPERATURE = 0.02  # chosen on phantom seed 4242 (docs/experiments.md)
MILD = 2  # the least grade that an ungraded condition wants: 「MR」 means more than a trivial one
_NEVER = 1e-6  # the least fit, so that logarithms stay finite


@dataclass(frozen=True)
class _Levels:
    """One condition's levels as vectors: row k the mean of the unit prompts of one meaning, ``level`` its level."""

    meanings: Vectors = field(repr=False)  # (M, D)
    level: NDArray[np.int64] = field(repr=False)  # (M,)
    wanted: NDArray[np.bool_] = field(repr=False)  # (L,)

    def fit(self, videos: Vectors) -> Fits:
        """(N, D) unit vectors -> (N,): the share of the wanted levels, in (0, 1); of a single level the cosine."""
        near = videos @ self.meanings.T  # (N, M)
        best = np.stack([near[:, self.level == k].max(axis=1) for k in range(len(self.wanted))], axis=1)  # (N, L)
        if best.shape[1] == 1:
            alone: Fits = best[:, 0].astype(np.float64) * (1 if self.wanted[0] else -1)
            return alone
        power = np.exp((best - best.max(axis=1, keepdims=True)).astype(np.float64) / TEMPERATURE)
        share: Fits = power[:, self.wanted].sum(axis=1) / power.sum(axis=1)
        return np.clip(share, _NEVER, 1 - _NEVER)

    @property
    def direction(self) -> Vectors:
        """(D,): what the index is asked with, to find candidates: the wanted levels less the others."""
        rows = self.wanted[self.level]
        towards: Vectors = self.meanings[rows].mean(axis=0) if rows.any() else -self.meanings.mean(axis=0)
        if rows.any() and not rows.all():
            towards = towards - self.meanings[~rows].mean(axis=0)
        return unit(towards.astype(np.float32))


@dataclass(frozen=True)
class AskedVideos:
    """The conditions of a question that videos can be asked for, in the question's order."""

    conditions: tuple[FindingCondition | ValueCondition | AnyOf, ...]
    levels: tuple[tuple[_Levels, ...], ...] = field(
        repr=False
    )  # of each condition; an AnyOf has one for each of its own

    def fits(self, videos: Vectors) -> Fits:
        """(N, D) raw vectors -> (N, C): how well each condition fits."""
        towards = unit(videos)
        return np.stack([np.max([one.fit(towards) for one in each], axis=0) for each in self.levels], axis=1)

    @property
    def directions(self) -> list[Vectors]:
        """Vectors (D,) to ask the index for candidates with."""
        return [one.direction for each in self.levels for one in each]


def ask_videos(
    encoder: Encoder, labels: dict[str, str], conditions: Sequence[FindingCondition | ValueCondition | AnyOf]
) -> AskedVideos:
    """Embed the prompts of all conditions at once. Conditions that videos cannot be asked for are left out."""
    language = encoder.text_spec.language

    def of(condition: FindingCondition | ValueCondition) -> PromptSet | None:
        if isinstance(condition, ValueCondition):
            return value_prompts(condition.concept, language)
        return prompt_set(condition.concept, labels.get(condition.concept, condition.concept), language)

    asked = []
    for condition in conditions:
        single = condition.conditions if isinstance(condition, AnyOf) else (condition,)
        sets = [(one, made) for one in single if (made := of(one)) is not None]
        if sets and len(sets) == len(single):
            asked.append((condition, sets))
    texts = list(dict.fromkeys(text for _, sets in asked for _, made in sets for text in made.texts))
    if not texts:
        return AskedVideos((), ())
    vectors = dict(zip(texts, unit(encoder.encode_texts(texts)), strict=True))
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
    return _Levels(
        np.stack([mean for _, mean in rows]).astype(np.float32),
        np.array([number for number, _ in rows]),
        np.array([_wants(condition, level.value, made.graded) for level in made.levels]),
    )


def _wants(condition: FindingCondition | ValueCondition, level: float, graded: bool) -> bool:
    """Whether a level satisfies a condition; values that are asked for exactly have a neighbourhood of 5."""
    if isinstance(condition, ValueCondition):
        low, high = condition.value, condition.value if condition.value_hi is None else condition.value_hi
        satisfied = {
            "<": level < low,
            "<=": level <= low,
            ">": level > low,
            ">=": level >= low,
            "between": low <= level <= high,
            "=": abs(level - low) <= 5,
            "!=": abs(level - low) > 5,
        }
        return satisfied[condition.op]
    if condition.polarity in ("absent", "not_significant"):
        return level == 0
    if condition.severity is None or not graded:
        return level >= MILD
    return condition.severity[0] <= level <= condition.severity[1]
