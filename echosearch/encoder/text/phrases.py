"""What a text tower is given for some texts, and how their vectors come from what it makes of it. Free of torch.

Most encoders read a text in one piece. One with the format "each_phrase_ja" reads every phrase by itself, and a text's
vector is the mean of theirs; reports share most of their phrases, so each different one is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echosearch.report.text import TextSpec, model_texts
from echosearch.vector import Vectors, mean_vector

__all__ = ["TextParts", "part_texts"]


@dataclass(frozen=True)
class TextParts:
    """``given``: the parts, none twice; ``made_of``: for each text, which of them, at least one."""

    given: tuple[str, ...]
    made_of: tuple[tuple[int, ...], ...]

    def vectors(self, of_parts: Vectors) -> Vectors:
        """Raw vectors of the parts (P, D) -> of the texts (N, D)."""
        if not self.made_of:
            return np.empty((0, of_parts.shape[1]), np.float32)
        return np.stack([of_parts[i[0]] if len(i) == 1 else mean_vector([*of_parts[list(i)]]) for i in self.made_of])


def part_texts(texts: Sequence[str], spec: TextSpec) -> TextParts:
    """``texts`` in the form that the encoder with ``spec`` wants."""
    parts = [model_texts(text, spec) for text in texts]
    numbers: dict[str, int] = {}
    for part in (part for own in parts for part in own):
        numbers.setdefault(part, len(numbers))
    return TextParts(tuple(numbers), tuple(tuple(numbers[part] for part in own) for own in parts))
