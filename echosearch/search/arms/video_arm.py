"""The video arm: how well a study's videos fit a condition, asked through prompts and never through the typed string.

asked_levels.py has how one condition is scored.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.report.facts import AnyOf, ChangeCondition, FindingCondition, ValueCondition
from echosearch.report.facts.walls import without_wall
from echosearch.search.arms.asked_levels import AskedLevels, levels_of
from echosearch.search.arms.prompt_vectors import prompt_vectors
from echosearch.search.arms.prompts import Language, PromptSet, places_asked, prompt_set, value_prompts
from echosearch.search.arms.value_scale import ValueScale, nearest_values
from echosearch.search.results import ReadValue
from echosearch.vector import Vectors, unit

__all__ = ["VIDEO_POLARITIES", "AskedVideos", "ask_videos"]

Scores = NDArray[np.float64]

VIDEO_POLARITIES = ("present", "absent", "not_significant")  # no video tells a suspicion from a finding
_REMEMBERED = 200  # questions, 40 KB each at 512 dimensions


@dataclass(frozen=True)
class AskedVideos:
    """The conditions of a question that videos can be asked for, in the question's order."""

    conditions: tuple[FindingCondition | ValueCondition | AnyOf, ...]
    levels: tuple[tuple[AskedLevels, ...], ...] = field(
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
    def evens(self) -> tuple[float, ...]:
        """The score of each condition that meets it as likely as not."""
        return tuple(max(one.even for one in each) for each in self.levels)

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


def _regions(condition: Single, language: Language) -> tuple[int, ...] | None:
    """Which regions of a finding are meant, as rows; None: any, or it has none."""
    return None if without_wall(condition.concept)[1] is None else places_asked(condition.concept, language)


def _singles(condition: Single | AnyOf) -> tuple[Single, ...]:
    return condition.conditions if isinstance(condition, AnyOf) else (condition,)


def _ask_videos(encoder: Encoder, labels: dict[str, str], conditions: Sequence[Single | AnyOf]) -> AskedVideos:
    language = encoder.text_spec.language

    def of(condition: Single) -> PromptSet | None:
        if isinstance(condition, ValueCondition):
            return value_prompts(condition.concept, language)
        if condition.polarity not in VIDEO_POLARITIES:
            return None
        finding, _ = without_wall(condition.concept)  # of a wall it matters how it differs from the others
        return prompt_set(finding, labels.get(finding, finding), language)

    asked = []
    for condition in conditions:
        sets = [(one, made) for one in _singles(condition) if (made := of(one)) is not None]
        if sets and len(sets) == len(_singles(condition)):
            asked.append((condition, sets))
    texts = list(dict.fromkeys(text for _, sets in asked for _, made in sets for text in made.texts))
    vectors = prompt_vectors(encoder, texts) if texts else {}
    return AskedVideos(
        tuple(condition for condition, _ in asked),
        tuple(
            tuple(replace(levels_of(one, made, vectors), regions=_regions(one, language)) for one, made in sets)
            for _, sets in asked
        ),
    )
