"""The nearest points of a server's collection, by the plan that their number asks for. The twin of edge/search.py.

A server in strict mode limits searches: the plan keeps within its limits, and an impossible search is an error.
"""

from __future__ import annotations

from functools import partial

from qdrant_client import QdrantClient, models

from echosearch.errors import ArchiveError
from echosearch.index.base import Collection
from echosearch.index.fields import OVERSAMPLING, SCORED_FIELDS
from echosearch.index.plan import MAX_CANDIDATES, plan_search
from echosearch.index.server.call import call
from echosearch.index.server.collection import Known

__all__ = ["nearest"]

_ACORN = models.AcornSearchParams(enable=True, max_selectivity=0.9)


def nearest(
    client: QdrantClient,
    collection: Collection,
    known: Known,
    query: list[float],
    wanted: int,
    chosen: models.Filter | None,
    exact: bool,
) -> list[models.ScoredPoint]:
    """Return the ``wanted`` best points of those that ``chosen`` lets through, best first. Raises ArchiveError."""
    if exact and not known.exact:
        raise ArchiveError(
            f"the strict mode of this Qdrant forbids exact searches of {collection.name} (search_allow_exact): "
            "search without --exact, or allow them"
        )
    ask = partial(_ask, client, collection.name, query)
    if exact:
        return ask(wanted, chosen, models.SearchParams(exact=True))
    oversampling = min(OVERSAMPLING, known.oversampling or OVERSAMPLING)
    rescored = models.QuantizationSearchParams(rescore=True, oversampling=oversampling)
    matching = None
    if chosen is not None:
        matching = call(lambda: client.count(collection.name, count_filter=chosen, exact=False)).count
    conditions = len(chosen.must) if chosen is not None and isinstance(chosen.must, list) else 0
    plan = plan_search(known.points, matching, wanted, known.compared, collection.dimension, conditions)
    widest = known.width or plan.width
    walk = models.SearchParams(
        hnsw_ef=min(plan.width, widest), quantization=rescored, acorn=_ACORN if chosen is not None else None
    )
    last = models.SearchParams(exact=True) if known.exact else walk
    if plan.how == "engine":
        return ask(wanted, chosen, walk)
    allowed = min(value for value in (known.limit, known.values, MAX_CANDIDATES) if value is not None)
    small = models.QuantizationSearchParams(rescore=False)
    while plan.how == "sieve" and chosen is not None and matching is not None:
        if plan.candidates > allowed or plan.width > widest:
            break
        params = models.SearchParams(hnsw_ef=plan.width, quantization=small)
        candidates = ask(plan.candidates, None, params, payload=False)
        near = models.HasIdCondition(has_id=[candidate.id for candidate in candidates])
        found = ask(wanted, models.Filter(must=[near, chosen]), last)
        if len(found) >= wanted:
            return found
        plan = plan.again(matching, known.compared)
    return ask(wanted, chosen, walk if plan.how == "engine" else last)


def _ask(
    client: QdrantClient,
    name: str,
    query: list[float],
    limit: int,
    chosen: models.Filter | None,
    params: models.SearchParams,
    payload: bool = True,
) -> list[models.ScoredPoint]:
    answer = call(
        lambda: client.query_points(
            name,
            query=query,
            query_filter=chosen,
            limit=limit,
            search_params=params,
            with_payload=list(SCORED_FIELDS) if payload else False,
        )
    )
    return answer.points
