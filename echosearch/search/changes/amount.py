"""How much of a finding, or what value of a measurement, a study's videos show: one number that two studies differ in.

c_k is the mean cosine of the study to the prompts of level k, of several meanings the nearest (arms/prompts.py):

    grades (MR)              the expected grade, sum of k p_k, p the softmax of c_k / TEMPERATURE
    there or not (lead)      c of there less c of not
    a value (EF)             the value that the search reads off the videos (arms/value_scale.py)

A difference of a grade shows in the expected grade; "MR or not" does not tell mild from moderate (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.report.facts import Lexicon
from echosearch.search.arms.prompt_vectors import prompt_vectors
from echosearch.search.arms.prompts import PromptSet, prompt_set, value_prompts
from echosearch.search.arms.value_scale import ValueScale, nearest_values, shipped_scale
from echosearch.vector import Vectors, unit

__all__ = ["Amount", "amounts"]

Scores = NDArray[np.float64]
TEMPERATURE = 0.05  # of the grades, as in the search


@dataclass(frozen=True)
class Amount:
    """The prompts of one concept as vectors: row m the mean of the unit prompts of a meaning, ``level`` its level."""

    concept: str
    unit: str | None  # of a measurement; None: grades, or a difference of cosines
    meanings: Vectors = field(repr=False)  # (M, D)
    level: NDArray[np.int64] = field(repr=False)  # (M,)
    values: Scores = field(repr=False)  # (L,)
    scale: ValueScale | None = None  # of a measurement, as it ships with the encoder

    def __call__(self, videos: Vectors) -> Scores:
        """(N, D) raw vectors -> (N,)."""
        near = (unit(videos) @ self.meanings.T).astype(np.float64)
        best = np.stack([near[:, self.level == k].max(axis=1) for k in range(len(self.values))], axis=1)  # (N, L)
        if len(self.values) <= 2:
            there: Scores = best[:, -1] - (best[:, 0] if len(self.values) == 2 else 0.0)
            return there
        if self.unit is not None:
            read = nearest_values(best, self.values)
            return read if self.scale is None else self.scale(read, unit(videos))
        power = np.exp((best - best.max(axis=1, keepdims=True)) / TEMPERATURE)
        expected: Scores = (power * self.values).sum(axis=1) / power.sum(axis=1)
        return expected


def amounts(encoder: Encoder, lexicon: Lexicon, concepts: Sequence[str]) -> dict[str, Amount]:
    """Embed the prompts of these concepts at once; measurements that videos cannot be asked for are left out."""
    language = encoder.text_spec.language
    sets: dict[str, PromptSet] = {}
    for concept in concepts:
        if concept in lexicon.measures:
            made = value_prompts(concept, language)
        else:
            made = prompt_set(concept, lexicon.labels.get(concept, concept), language)
        if made is not None:
            sets[concept] = made
    texts = list(dict.fromkeys(text for made in sets.values() for text in made.texts))
    vectors = prompt_vectors(encoder, texts) if texts else {}
    found = {}
    for concept, made in sets.items():
        rows = [
            (number, np.mean([vectors[text] for text in meaning], axis=0))
            for number, level in enumerate(made.levels)
            for meaning in level.meanings
        ]
        found[concept] = Amount(
            concept,
            lexicon.measures[concept].unit if concept in lexicon.measures else None,
            np.stack([mean for _, mean in rows]).astype(np.float32),
            np.array([number for number, _ in rows]),
            np.array([float(level.value) for level in made.levels]),
            shipped_scale(encoder.id.fingerprint, concept),
        )
    return found
