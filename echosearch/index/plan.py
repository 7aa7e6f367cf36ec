"""The plan of a search, by how many points its filter leaves. Both engines follow the same plan.

    few match             compare those, on their 4-bit vectors: the engine does so by itself up to its own threshold
    no filter             walk the graph; the wider, the larger the collection and the more results are wanted
    a wide walk of few    compare all exactly: quicker, and it misses none
    almost all match      the same, with the filter, as when studies that were found already are left out
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

__all__ = ["MAX_CANDIDATES", "SearchPlan", "plan_search", "walk_width"]

# Measured by bench_index.py; figures in docs/operations.md.
BASE_POINTS, BASE_WIDTH = 100_000, 288
WIDTH_GROWTH = 1.1  # a point of width costs less than a candidate of a sieve: rather a wide walk
MAX_WIDTH = 4096
WIDTH_PER_RESULT = 4  # a search for many results is wider
ALMOST_ALL = 0.95
SPARE = 2.0  # a sieve takes so many times the candidates of which as many as are wanted match on average
SLACK = 64  # and so many more: 4-bit vectors do not order them quite rightly, and a study's videos match together
AGAIN, AGAIN_WORTH = 4, 3  # times as many candidates if too few match, where to compare all takes three times as long
WIDTH_PER_CANDIDATE = 0.5
MAX_CANDIDATES = 5000
# A walk for 400 results keeps 1,608 points: 4.2 ms of 100,000 points of 256 numbers, where to compare all exactly takes
# 2.3 ms. ``compared`` grows as vectors shrink.
SCANNED_PER_WIDTH = 1 / 1024  # of ``compared``
COMPARED_PER_WIDTH = 12  # an exact comparison of this many points takes as long as one more point of width

How = Literal["walk", "sieve", "exact"]


@dataclass(frozen=True)
class SearchPlan:
    how: How
    width: int  # points that a walk of the graph keeps (hnsw_ef)
    candidates: int = 0  # of a sieve: the nearest of all points, to be filtered

    def again(self, matching: int) -> SearchPlan:
        """Return what to do if too few of a sieve's candidates match: take more, or compare all ``matching``.

        More would be in vain where the matches are far from the query: that must be worth its price.
        """
        return _sieve(AGAIN * self.candidates, self.width, matching // AGAIN_WORTH)


def walk_width(points: int, wanted: int) -> int:
    """Return how many candidates a walk of a graph of ``points`` keeps to find the ``wanted`` nearest."""
    grown = BASE_WIDTH * max(1.0, points / BASE_POINTS) ** WIDTH_GROWTH
    return max(min(int(grown), MAX_WIDTH), WIDTH_PER_RESULT * wanted)


def plan_search(points: int, matching: int | None, wanted: int, compared: int, conditions: int = 1) -> SearchPlan:
    """Return the plan for the ``wanted`` nearest of ``matching`` points (None: no filter) among ``points``.

    The numbers may be estimates. ``compared``: up to so many matches the engine compares all by itself; it is slower at
    that with several ``conditions``, because it goes through the matches of one and checks the others.
    """
    width = walk_width(points, wanted)
    if matching is None and compared < points <= compared * SCANNED_PER_WIDTH * width:
        return SearchPlan("exact", width)
    if matching is None or matching >= ALMOST_ALL * points or matching == 0:
        return SearchPlan("walk", width)
    sieve = _sieve(SLACK + math.ceil(SPARE * wanted * points / matching), width, matching)
    if matching <= compared and (conditions < 2 or sieve.how == "exact"):
        return SearchPlan("walk", width)
    return sieve


def _sieve(candidates: int, width: int, matching: int) -> SearchPlan:
    wider = max(width + int(WIDTH_PER_CANDIDATE * candidates), candidates)
    if candidates > MAX_CANDIDATES or matching < COMPARED_PER_WIDTH * wider:
        return SearchPlan("exact", width)
    return SearchPlan("sieve", wider, candidates)
