"""Searches: made by POST, read in pages."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from echosearch.access.rights import Right
from echosearch.search.results import MAX_TOP_K
from echosearch.web.address import API
from echosearch.web.problems import problem_responses
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import add_identifiers, answer_json, cut, make_search, stored
from echosearch.web.shapes import Page, SearchAnswer, SearchRequest

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["searches"])
Searcher = Annotated[Caller, needs(Right.SEARCH)]
SEARCH_PROBLEMS = problem_responses(
    "input", "condition", "unknown-study", "empty-archive", "encoder", "busy", "store", "reason-needed"
)


@router.post("/searches", status_code=201, response_model=SearchAnswer, responses=SEARCH_PROBLEMS)
def search(caller: Searcher, asked: SearchRequest) -> JSONResponse:
    """Search by text, or by a study that hits are to resemble, and keep the answer for pages."""
    answer = make_search(caller, asked)
    hits, after, left_out = cut(caller, answer, None, asked.limit)
    if asked.identified:
        hits = add_identifiers(caller, hits)
    caller.record("search", [hit["study"] for hit in hits], query=asked.model_dump_json(exclude_defaults=True))
    return JSONResponse(
        answer_json(answer, hits, after, left_out), 201, {"location": f"/api/v1/searches/{answer.id}/hits"}
    )


@router.get(
    "/searches/{search_id}/hits",
    response_model=Page,
    responses=problem_responses("input", "not-found", "search-expired", "store", "reason-needed"),
)
def hits(
    caller: Searcher,
    search_id: UUID,
    after: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_TOP_K)] = 12,
    identified: bool = False,
) -> JSONResponse:
    """Return a page of a search of one's own."""
    shown, cursor, left_out = cut(caller, stored(caller, search_id), after, limit)
    if identified:
        shown = add_identifiers(caller, shown)
    caller.record("hits", [hit["study"] for hit in shown])
    return JSONResponse({"hits": shown, "next": cursor, "left_out": left_out})
