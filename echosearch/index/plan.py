"""How a search is carried out, by how many points its filter leaves. Both engines follow the same plan.

    few match             compare those, on their 4-bit vectors: the engine does so by itself up to its own threshold
    no filter             walk the graph; the wider, the larger the collection
    many match            walk the graph as if there were no filter, and filter what is nearest
    too few of those left compare every match exactly

An engine's own filtered walk visits matching points alone. Where a filter leaves a sixth of a million points, a sixth
of the links is left too, and the walk misses a quarter of the best; the engine's remedy (ACORN) finds them at four to
ten times the price of the unfiltered walk (docs/operations.md, "Speed of the index").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Plan", "plan_search", "walk_width"]

# Measured by bench_index.py; figures in docs/operations.md.
BASE_POINTS, BASE_WIDTH = 100_000, 288
WIDTH_GROWTH = 0.75
MAX_WIDTH = 4096
WIDTH_PER_RESULT = 4  # a search for many results is wider
SPARE = 2.0  # of the nearest, this times as many are filtered as must be left on average
MAX_CANDIDATES = 5000
COMPARED_PER_WIDTH = 25  # an exact comparison of this many points takes as long as one more point of width

How = Literal["walk", "sieve", "exact"]


@dataclass(frozen=True)
class Plan:
    how: How
    width: int  # points that a walk of the graph keeps (hnsw_ef)
    candidates: int = 0  # of a sieve: the nearest of all points, to be filtered


def walk_width(points: int, wanted: int) -> int:
    """Candidates that a walk of a graph of ``points`` keeps while it looks for the ``wanted`` nearest."""
    grown = BASE_WIDTH * max(1.0, points / BASE_POINTS) ** WIDTH_GROWTH
    return max(min(int(grown), MAX_WIDTH), WIDTH_PER_RESULT * wanted)


def plan_search(points: int, matching: int | None, wanted: int, compared: int) -> Plan:
    """Return the plan for the ``wanted`` nearest of ``matching`` points (None: no filter) among ``points``.

    The numbers may be estimates. ``compared``: up to so many matches the engine compares all by itself.
    """
    width = walk_width(points, wanted)
    if matching is None or matching <= compared:
        return Plan("walk", width)
    candidates = math.ceil(SPARE * wanted * max(1.0, points / matching))
    wider = max(width, BASE_WIDTH) + 2 * candidates
    if candidates > MAX_CANDIDATES or matching < COMPARED_PER_WIDTH * wider:
        return Plan("exact", width)
    return Plan("sieve", wider, candidates)
