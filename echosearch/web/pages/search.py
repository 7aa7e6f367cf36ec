"""The search page: a form, and the hits of a stored search."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from echosearch.access.rights import Right
from echosearch.web.rendering import page
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import cut, make_search, stored
from echosearch.web.shapes import SearchRequest

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Searcher = Annotated[Caller, needs(Right.SEARCH)]


@router.get("/")
def home(request: Request, caller: Annotated[Caller, needs(Right.SELF)]) -> Response:
    """The search form, for who may search."""
    return page(request, "search.html", caller, answer=None, hits=[], next=None, left_out=0)


@router.post("/searches")
def post_search(caller: Searcher, text: Annotated[str, Form()], where: Annotated[str, Form()] = "") -> Response:
    """Search, then show: what was typed never stands in a URL."""
    answer = make_search(caller, SearchRequest(text=text, where=where or None))
    caller.record("search", query=text)
    return RedirectResponse(f"/searches/{answer.id}", 303)


@router.get("/searches/{search_id}")
def show_search(
    request: Request, caller: Searcher, search_id: UUID, after: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    answer = stored(caller, search_id)
    hits, cursor, left_out = cut(caller, answer, after, 12)
    caller.record("hits", [hit["study"] for hit in hits])
    return page(request, "search.html", caller, answer=answer, hits=hits, next=cursor, left_out=left_out)
