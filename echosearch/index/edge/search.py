"""The nearest points of a shard of the embedded engine, by the plan that their number asks for (plan.py)."""

from __future__ import annotations

import qdrant_edge as engine

from echosearch.index.fields import OVERSAMPLING, SCORED_FIELDS
from echosearch.index.plan import plan_search

__all__ = ["nearest"]

_SMALL_VECTORS = engine.QuantizationSearchParams(rescore=False)  # their order is good enough for candidates
_RESCORED = engine.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
# Where the engine walks after all, because its own estimate of the matches differs from ours.
_ACORN = engine.AcornSearchParams(enable=True, max_selectivity=0.9)
_EXACT = engine.SearchParams(exact=True)


def nearest(
    shard: engine.EdgeShard, vector: list[float], wanted: int, chosen: engine.Filter | None, exact: bool, compared: int
) -> list[engine.ScoredPoint]:
    """Return the ``wanted`` best points of those that ``chosen`` lets through, best first.

    ``compared``: up to so many matches the engine compares all by itself.
    """
    query = engine.Query.Nearest(vector)

    def ask(params: engine.SearchParams, condition: engine.Filter | None) -> list[engine.ScoredPoint]:
        return shard.query(
            engine.QueryRequest(
                limit=wanted, query=query, filter=condition, params=params, with_payload=list(SCORED_FIELDS)
            )
        )

    if exact:
        return ask(_EXACT, chosen)
    matching = shard.count(engine.CountRequest(exact=False, filter=chosen)) if chosen is not None else None
    conditions = len(chosen.must or ()) if chosen is not None else 0
    plan = plan_search(shard.count(engine.CountRequest(exact=False)), matching, wanted, compared, conditions)
    if plan.how == "walk":
        acorn = _ACORN if chosen is not None else None
        return ask(engine.SearchParams(hnsw_ef=plan.width, quantization=_RESCORED, acorn=acorn), chosen)
    while plan.how == "sieve" and chosen is not None and matching is not None:
        params = engine.SearchParams(hnsw_ef=plan.width, quantization=_SMALL_VECTORS)
        candidates = shard.query(engine.QueryRequest(limit=plan.candidates, query=query, params=params))
        near = engine.HasIdCondition({candidate.id for candidate in candidates})
        found = ask(_EXACT, engine.Filter(must=[near, chosen]))
        if len(found) >= wanted:
            return found
        plan = plan.again(matching)
    return ask(_EXACT, chosen)
