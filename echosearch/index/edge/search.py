"""The nearest points of a shard of the embedded engine, by the plan that their number asks for (plan.py)."""

from __future__ import annotations

from collections.abc import Sequence

import qdrant_edge as engine

from echosearch.index.edge.filter import EdgeFilter
from echosearch.index.edge.shard import Shard
from echosearch.index.fields import OVERSAMPLING, SCORED_FIELDS
from echosearch.index.plan import SearchPlan, plan_search

__all__ = ["nearest", "nearest_each"]

_RESCORED = engine.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
_CANDIDATES = engine.QuantizationSearchParams(rescore=True, oversampling=1.0)
# Where the engine walks after all, because its own estimate of the matches differs from ours.
_ACORN = engine.AcornSearchParams(enable=True, max_selectivity=0.9)
_EXACT = engine.SearchParams(exact=True)
_Term = engine.Expression
_OUT = -3.0  # the score of what does not match: below every cosine


def nearest(
    shard: Shard, vector: list[float], wanted: int, chosen: EdgeFilter | None, exact: bool = False
) -> list[engine.ScoredPoint]:
    """Return the ``wanted`` best points of those that ``chosen`` lets through, best first."""
    if exact:
        return shard.edge.query(_usual(vector, wanted, chosen, _EXACT))
    counted = _counted(shard, chosen)
    return _carried_out(_plan(shard, counted, wanted, chosen), shard, vector, wanted, chosen, counted[1])


def nearest_each(
    shard: Shard, vectors: Sequence[list[float]], wanted: Sequence[int], chosen: EdgeFilter | None
) -> list[list[engine.ScoredPoint]]:
    """Return the nearest of each vector, as many as are wanted of it.

    In one batch: the engine goes through the filter once, which costs more than to compare vectors.
    """
    counted = _, matching = _counted(shard, chosen)
    plans = [_plan(shard, counted, most, chosen) for most in wanted]
    asked = [*zip(plans, vectors, wanted, strict=True)]
    requests = [_request(plan, vector, most, chosen) for plan, vector, most in asked]
    answers = shard.edge.query_batch(engine.QueryBatchRequest(requests))
    for number, (plan, vector, most) in enumerate(asked):
        if plan.how == "sieve" and matching is not None and len(answers[number]) < most:
            plan = plan.again(matching, shard.compared)
            answers[number] = _carried_out(plan, shard, vector, most, chosen, matching)
    return answers


def _carried_out(
    plan: SearchPlan, shard: Shard, vector: list[float], wanted: int, chosen: EdgeFilter | None, matching: int | None
) -> list[engine.ScoredPoint]:
    while True:
        found = shard.edge.query(_request(plan, vector, wanted, chosen))
        if plan.how != "sieve" or len(found) >= wanted or matching is None:
            return found
        plan = plan.again(matching, shard.compared)


def _counted(shard: Shard, chosen: EdgeFilter | None) -> tuple[int, int | None]:
    """Estimate how many points there are, and how many match (None: all)."""
    count = shard.edge.count
    points = count(engine.CountRequest(exact=False))
    return points, None if chosen is None else count(engine.CountRequest(exact=False, filter=chosen.filter))


def _plan(shard: Shard, counted: tuple[int, int | None], wanted: int, chosen: EdgeFilter | None) -> SearchPlan:
    conditions = 0 if chosen is None else chosen.conditions
    return plan_search(*counted, wanted, shard.compared, shard.dimension, conditions)


def _request(plan: SearchPlan, vector: list[float], wanted: int, chosen: EdgeFilter | None) -> engine.QueryRequest:
    if plan.how == "sieve" and chosen is not None:
        return _sieve(vector, wanted, chosen, plan)
    return _usual(vector, wanted, chosen, _params(plan, chosen))


def _usual(
    vector: list[float], wanted: int, chosen: EdgeFilter | None, params: engine.SearchParams
) -> engine.QueryRequest:
    return engine.QueryRequest(
        limit=wanted,
        query=engine.Query.Nearest(vector),
        filter=chosen.filter if chosen is not None else None,
        params=params,
        with_payload=list(SCORED_FIELDS),
    )


def _sieve(vector: list[float], wanted: int, chosen: EdgeFilter, plan: SearchPlan) -> engine.QueryRequest:
    """Ask for the nearest of all points, and of those for the ``wanted`` best that match.

    As a score and not as a filter, which the engine would put before the walk: a match keeps its cosine, to the last
    bit, and any other point has _OUT. To take the candidates here and ask for them by id takes three times as long.
    """
    walk = engine.SearchParams(hnsw_ef=plan.width, quantization=_CANDIDATES)
    candidates = engine.Prefetch(plan.candidates, engine.Query.Nearest(vector), params=walk)
    above = _Term.Sum([_Term.Variable("$score"), _Term.Constant(-_OUT)])
    score = _Term.Sum([_Term.Mult([_Term.Condition(chosen.filter), above]), _Term.Constant(_OUT)])
    return engine.QueryRequest(
        limit=wanted,
        prefetches=[candidates],
        query=engine.Formula(score),
        score_threshold=_OUT / 2,
        with_payload=list(SCORED_FIELDS),
    )


def _params(plan: SearchPlan, chosen: EdgeFilter | None) -> engine.SearchParams:
    if plan.how == "exact":
        return _EXACT
    acorn = _ACORN if chosen is not None else None
    return engine.SearchParams(hnsw_ef=plan.width, quantization=_RESCORED, acorn=acorn)
