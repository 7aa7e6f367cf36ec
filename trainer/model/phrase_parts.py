"""Split phrases into their parts: tokens, one by one and in pairs.

A laboratory has a hundred ways to say that a wall does not move, and says most of them twice. Alone, each phrase would
learn from two studies; over their parts they learn from each other (table.py). Pairs, because 「僧帽弁逆流なし」 is not
「僧帽弁逆流」 and 「なし」: which of them belong together says what is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

__all__ = ["phrase_parts"]

OFTEN = 2  # phrases that must have a part: alone it would be the phrase


def phrase_parts(ids: Sequence[Sequence[int]]) -> Tensor:
    """Return (P, F): 1 / sqrt(number of parts) at each part of a phrase, else 0."""
    own = [_parts(set(tokens)) for tokens in ids]
    counts = Counter(part for parts in own for part in parts)
    columns = {part: number for number, part in enumerate(sorted(p for p in counts if counts[p] >= OFTEN))}
    found = torch.zeros((len(own), len(columns)))
    for row, parts in zip(found, own, strict=True):
        at = [columns[part] for part in parts if part in columns]
        row[at] = max(len(at), 1) ** -0.5
    return found


def _parts(tokens: set[int]) -> list[tuple[int, ...]]:
    return [(token,) for token in tokens] + list(combinations(sorted(tokens), 2))
