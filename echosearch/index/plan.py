"""The plan of a search, by how many points its filter leaves. Both engines follow the same plan.

    few match             compare those, on their 4-bit vectors: the engine does so by itself up to its own threshold
    no filter             walk the graph; the wider, the larger the collection and the more results are wanted
    a wide walk of few    compare all exactly: quicker, and it misses none
    almost all match      walk the graph with the filter, as when studies that were found already are left out
    many match            walk the graph as if there were no filter, and filter what is nearest
    too few of those left compare every match: the engine on 4 bits up to its threshold, else exactly

An engine's own filtered walk visits matching points alone. Where a filter leaves a sixth of a million points, a sixth
of the links is left too, and the walk misses a quarter of the best; the engine's remedy (ACORN) finds them at four to
ten times the price of the unfiltered walk (docs/operations.md, "Speed of the index").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["MAX_CANDIDATES", "SearchPlan", "plan_search", "walk_width"]

# Measured by bench_index.py; figures in docs/operations.md.
BASE_POINTS, BASE_WIDTH = 100_000, 320
MAX_WIDTH = 4096
WIDTH_PER_RESULT = 4  # a search for many results is wider
ALMOST_ALL = 0.95
SPARE = 2.0  # a sieve takes so many times the candidates of which as many as are wanted match on average
SLACK = 64  # and so many more: 4-bit vectors do not order them quite rightly, and a study's videos match together
AGAIN, AGAIN_WORTH = 4, 3  # times as many candidates if too few match, where to compare all takes three times as long
WIDTH_PER_CANDIDATE = 0.5
MAX_CANDIDATES = 5000
# A walk for 400 results keeps 1,608 points: 4.2 ms of 100,000 points of 256 numbers, where to compare all exactly takes
# 2.3 ms.
SCANNED_KB_PER_WIDTH = 40  # of float16 vectors, one after the other
SEVERAL = 4  # times fewer matches are left to the engine where it has to check further conditions on each
COMPARED_PER_WIDTH = 12  # an exact comparison of this many points takes as long as one more point of width

How = Literal["engine", "sieve", "exact"]


@dataclass(frozen=True)
class SearchPlan:
    how: How  # "engine": it walks, or compares on 4 bits, as it finds right
    width: int  # points that a walk of the graph keeps (hnsw_ef)
    candidates: int = 0  # of a sieve: the nearest of all points, to be filtered

    def again(self, matching: int, compared: int) -> SearchPlan:
        """Return what to do if too few of a sieve's candidates match: take more, or compare all ``matching``.

        More would be in vain where the matches are far from the query: that must be worth its price.
        """
        last: How = "engine" if matching <= compared else "exact"
        return _sieve(AGAIN * self.candidates, self.width, matching // AGAIN_WORTH, last)


def walk_width(points: int, wanted: int) -> int:
    """Return how many candidates a walk of a graph of ``points`` keeps to find the ``wanted`` nearest."""
    grown = BASE_WIDTH * max(1.0, points / BASE_POINTS)
    return max(min(int(grown), MAX_WIDTH), WIDTH_PER_RESULT * wanted)


def plan_search(
    points: int, matching: int | None, wanted: int, compared: int, dimension: int, conditions: int = 1
) -> SearchPlan:
    """Return the plan for the ``wanted`` nearest of ``matching`` points (None: no filter) among ``points``.

    The numbers may be estimates. ``compared``: up to so many matches the engine compares all by itself; it is slower at
    that with several ``conditions``, because it goes through the matches of one and checks the others.
    """
    width = walk_width(points, wanted)
    if matching is None and compared < points <= SCANNED_KB_PER_WIDTH * width * 1024 // (2 * dimension):
        return SearchPlan("exact", width)
    if matching is None or matching >= ALMOST_ALL * points or matching == 0:
        return SearchPlan("engine", width)
    if matching <= (compared if conditions < 2 else compared // SEVERAL):
        return SearchPlan("engine", width)
    last: How = "engine" if matching <= compared else "exact"
    return _sieve(SLACK + math.ceil(SPARE * wanted * points / matching), width, matching, last)


def _sieve(candidates: int, width: int, matching: int, last: How) -> SearchPlan:
    """Return the plan of a sieve, or ``last`` where that is cheaper."""
    wider = max(width + int(WIDTH_PER_CANDIDATE * candidates), candidates)
    if candidates > MAX_CANDIDATES or matching < COMPARED_PER_WIDTH * wider:
        return SearchPlan(last, width)
    return SearchPlan("sieve", wider, candidates)
