"""The index ranks, Postgres says who qualifies: ask, check, group, and ask for more until there are enough.

Neither engine groups for us (the embedded one cannot), so it is done here, the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from echosearch.db.lookup import StudyRow
from echosearch.filters import Field, Where
from echosearch.index.base import Collection, Scored, VectorIndex
from echosearch.search.filter_rules import combine_and, without
from echosearch.search.results import Group
from echosearch.vector import Vectors

__all__ = ["Ranked", "rank"]

OVER_FETCH = 6  # points asked for per wanted group: a study has several videos
MAX_DEPTH = 20_000  # points asked for at most in one go


@dataclass(frozen=True)
class Ranked:
    """The best point of each group, best first. ``dropped``: points that the database does not know."""

    points: tuple[Scored, ...]
    dropped: int


def rank(
    index: VectorIndex,
    collection: Collection,
    vector: Vectors,
    top_k: int,
    group: Group | None,
    where: Where | None,
    about: Callable[[Sequence[str]], Mapping[str, StudyRow]],
    exact: bool = False,
    first_page: int | None = None,
) -> Ranked:
    """Return the ``top_k`` best groups (None: every point is its own), or all there are.

    ``about`` gives the rows that may be shown, by the keys of points; ``first_page`` how many points to begin with.
    """
    field: Field | None = group if group in ("study", "patient") else None
    best: dict[str, Scored] = {}
    dropped: set[str] = set()
    alone = group != "patient" and collection.kind != "videos"  # then every point is a group already
    limit = first_page or (top_k if field is None or alone else max(64, OVER_FETCH * top_k))
    while True:
        # groups that are found stand aside, so that a page full of one patient's videos hides nobody
        aside = without(field, tuple(sorted(best))) if field is not None else None
        points = index.search(collection, vector, limit, combine_and(where, aside), exact)
        shown = about([point.key for point in points])
        before = len(best)
        for point in points:
            row = shown.get(point.key)
            if row is None or point.gen not in row.gens:
                dropped.add(point.key)
            else:
                best.setdefault(point.key if field is None else str(getattr(point, field)), point)
        exhausted = len(points) < limit or (limit >= MAX_DEPTH and len(best) == before)
        if len(best) >= top_k or exhausted:
            break
        limit = min(2 * limit, MAX_DEPTH)
    ordered = sorted(best.values(), key=lambda point: -point.score)  # stable: ties stay in the index's order
    return Ranked(tuple(ordered[:top_k]), len(dropped))
