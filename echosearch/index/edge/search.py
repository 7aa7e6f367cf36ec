"""The nearest points of a shard of the embedded engine, by the plan that their number asks for (plan.py)."""

from __future__ import annotations

from collections.abc import Sequence

import qdrant_edge as engine

from echosearch.index.edge.filter import EdgeFilter
from echosearch.index.fields import OVERSAMPLING, SCORED_FIELDS
from echosearch.index.plan import SearchPlan, plan_search

__all__ = ["nearest", "nearest_each"]

_SMALL_VECTORS = engine.QuantizationSearchParams(rescore=False)  # their order is good enough for candidates
_RESCORED = engine.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
# Where the engine walks after all, because its own estimate of the matches differs from ours.
_ACORN = engine.AcornSearchParams(enable=True, max_selectivity=0.9)
_EXACT = engine.SearchParams(exact=True)


def nearest(
    shard: engine.EdgeShard, vector: list[float], wanted: int, chosen: EdgeFilter | None, exact: bool, compared: int
) -> list[engine.ScoredPoint]:
    """Return the ``wanted`` best points of those that ``chosen`` lets through, best first.

    ``compared``: up to so many matches the engine compares all by itself.
    """
    query = engine.Query.Nearest(vector)

    every = chosen.filter if chosen is not None else None

    def ask(params: engine.SearchParams, condition: engine.Filter | None) -> list[engine.ScoredPoint]:
        return shard.query(
            engine.QueryRequest(
                limit=wanted, query=query, filter=condition, params=params, with_payload=list(SCORED_FIELDS)
            )
        )

    if exact:
        return ask(_EXACT, every)
    counted = _, matching = _counted(shard, chosen)
    plan = _plan(counted, wanted, chosen, compared)
    if plan.how != "sieve":
        return ask(_params(plan, chosen), every)
    while plan.how == "sieve" and chosen is not None and matching is not None:
        params = engine.SearchParams(hnsw_ef=plan.width, quantization=_SMALL_VECTORS)
        candidates = shard.query(engine.QueryRequest(limit=plan.candidates, query=query, params=params))
        near = engine.HasIdCondition({candidate.id for candidate in candidates})
        found = ask(_EXACT, engine.Filter(must=[near, chosen.filter]))
        if len(found) >= wanted:
            return found
        plan = plan.again(matching)
    return ask(_EXACT, every)


def nearest_each(
    shard: engine.EdgeShard,
    vectors: Sequence[list[float]],
    wanted: Sequence[int],
    chosen: EdgeFilter | None,
    compared: int,
) -> list[list[engine.ScoredPoint]]:
    """Return the nearest of each vector, as many as are wanted of it.

    In one batch: the engine goes through the filter once, which costs more than to compare vectors.
    """
    requests = []
    counted = _counted(shard, chosen)
    for vector, most in zip(vectors, wanted, strict=True):
        plan = _plan(counted, most, chosen, compared)
        if plan.how == "sieve":  # its second step depends on its first
            return [nearest(shard, *each, chosen, False, compared) for each in zip(vectors, wanted, strict=True)]
        requests.append(
            engine.QueryRequest(
                limit=most,
                query=engine.Query.Nearest(vector),
                filter=chosen.filter if chosen is not None else None,
                params=_params(plan, chosen),
                with_payload=list(SCORED_FIELDS),
            )
        )
    return shard.query_batch(engine.QueryBatchRequest(requests))


def _counted(shard: engine.EdgeShard, chosen: EdgeFilter | None) -> tuple[int, int | None]:
    """Estimate how many points there are, and how many match (None: all)."""
    points = shard.count(engine.CountRequest(exact=False))
    return points, None if chosen is None else shard.count(engine.CountRequest(exact=False, filter=chosen.filter))


def _plan(counted: tuple[int, int | None], wanted: int, chosen: EdgeFilter | None, compared: int) -> SearchPlan:
    return plan_search(*counted, wanted, compared, 0 if chosen is None else chosen.conditions)


def _params(plan: SearchPlan, chosen: EdgeFilter | None) -> engine.SearchParams:
    if plan.how == "exact":
        return _EXACT
    acorn = _ACORN if chosen is not None else None
    return engine.SearchParams(hnsw_ef=plan.width, quantization=_RESCORED, acorn=acorn)
