"""The search page: a form, the hits of a stored search, and its conditions as chips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from echosearch.access.rights import Right
from echosearch.errors import ArchiveError, EncoderError, InputError, WhereError
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.results import Group, Sort
from echosearch.video import Mode, View
from echosearch.web.pages.cards import CARDS, cards_of
from echosearch.web.pages.chips import add_condition, chips_of, conditions, recomposed, without_condition
from echosearch.web.problems import problem_of
from echosearch.web.rendering import page, settings_of
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import StoredAnswer, cut, make_search, stored
from echosearch.web.shapes import SearchRequest

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Searcher = Annotated[Caller, needs(Right.SEARCH)]
Text = Annotated[str, Form(max_length=20_000)]
Short = Annotated[str, Form(max_length=512)]
Month = Annotated[str, Form(pattern=r"^$|^\d{4}(-\d{2})?$")]
Years = Annotated[str, Form(pattern=r"^\d{0,3}$")]
SAID = (InputError, ArchiveError, EncoderError)  # said beside the form


@router.get("/")
def home(request: Request, caller: Annotated[Caller, needs(Right.SELF)]) -> Response:
    """Return the search form, for who may search; the first page of the others."""
    if Right.SEARCH not in caller.may:
        return RedirectResponse("/audit" if Right.AUDIT in caller.may else "/accounts", 303)
    return _shown(request, caller, None, None)


@router.post("/searches")
def post_search(
    request: Request,
    caller: Searcher,
    text: Text,
    where: Short = "",
    view: Annotated[Literal["", "LAX", "SAX", "2CH", "3CH", "4CH", "Other"], Form()] = "",
    mode: Annotated[Literal["", "bmode", "color"], Form()] = "",
    sex: Annotated[Literal["", "F", "M"], Form()] = "",
    age_from: Years = "",
    age_to: Years = "",
    since: Month = "",
    until: Month = "",
    device: Annotated[str, Form(max_length=80, pattern=r'^[^"]*$')] = "",
    group: Annotated[Group, Form()] = "study",
    sort: Annotated[Sort, Form()] = "relevance",
) -> Response:
    """Search, then show: what was typed never stands in a URL."""
    more = [
        f"view = {view}" if view else "",
        f"mode = {mode}" if mode else "",
        f"sex = {sex}" if sex else "",
        f"age >= {age_from}" if age_from else "",
        f"age <= {age_to}" if age_to else "",
        f"date >= {since}" if since else "",
        f"date <= {until}" if until else "",
        f'device = "{device.strip()}"' if device.strip() else "",
    ]

    def asked() -> SearchRequest:
        return SearchRequest(text=text, where=add_condition(where, more) or None, group=group, sort=sort)

    return _searched(request, caller, asked, text, where)


@router.post("/searches/{search_id}/chips")
def post_chip(
    request: Request, caller: Searcher, search_id: UUID, place: Annotated[int, Form(ge=0, le=99)], words: Short = ""
) -> Response:
    """Ask again with a condition of the query changed to ``words``, or without it."""
    before = _asked(stored(caller, search_id))
    chips, whole = chips_of(before.text or "", _lexicon(caller))
    text = recomposed(chips, place, words) if whole else before.text or ""
    if not text and before.study is None:
        return RedirectResponse("/", 303)
    return _searched(
        request, caller, lambda: before.model_copy(update={"text": text or None}), text, before.where or ""
    )


@router.post("/searches/{search_id}/conditions")
def post_condition(
    request: Request, caller: Searcher, search_id: UUID, place: Annotated[int, Form(ge=0, le=99)]
) -> Response:
    """Ask again without one condition of the filter."""
    before = _asked(stored(caller, search_id))
    where = without_condition(before.where or "", place) or None
    return _searched(
        request, caller, lambda: before.model_copy(update={"where": where}), before.text or "", where or ""
    )


@router.post("/similar")
def post_similar(request: Request, caller: Searcher, study: Annotated[UUID, Form()]) -> Response:
    """Return studies that resemble one."""
    return _searched(request, caller, lambda: SearchRequest(study=study), "", "")


@router.get("/searches/{search_id}")
def show_search(
    request: Request, caller: Searcher, search_id: UUID, after: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    return _shown(request, caller, stored(caller, search_id), after)


def _searched(request: Request, caller: Caller, asked: Callable[[], SearchRequest], text: str, where: str) -> Response:
    """Search, write the audit and go to the answer; what cannot be asked is said beside the form."""
    try:
        request_made = asked()
        answer = make_search(caller, request_made)
    except SAID as exc:
        said = problem_of(exc)
        caller.record("search", query=text, outcome="refused")
        return _form(request, caller, said.status, problem=said, text=text, where=where)
    caller.record("search", query=request_made.model_dump_json(exclude_defaults=True))
    return RedirectResponse(f"/searches/{answer.id}", 303)


def _shown(request: Request, caller: Caller, answer: StoredAnswer | None, after: str | None) -> Response:
    if answer is None:
        return _form(request, caller)
    hits, cursor, left_out = cut(caller, answer, after, CARDS)
    caller.record("hits", [hit["study"] for hit in hits])
    asked, lexicon = _asked(answer), _lexicon(caller)
    language = settings_of(request).language
    chips, whole = chips_of(asked.text, lexicon, language) if asked.text else ((), False)
    return _form(
        request,
        caller,
        text=asked.text or "",
        where=asked.where or "",
        answer=answer,
        asked=asked,
        cards=cards_of(caller, hits, answer.about.get("belief"), lexicon),
        next=cursor,
        first=after is None,
        left_out=left_out,
        chips=chips,
        whole=whole,
    )


def _form(request: Request, caller: Caller, status: int = 200, **context: object) -> Response:
    usual: dict[str, object] = {
        "answer": None,
        "asked": SearchRequest(),
        "cards": [],
        "chips": (),
        "whole": False,
        "problem": None,
        "text": "",
        "next": None,
        "first": True,
        "left_out": 0,
    }
    where = str(context.pop("where", ""))
    try:
        parts = conditions(where)
    except WhereError:
        parts = [where]
    return page(
        request,
        "search.html",
        caller,
        status,
        **usual | context,
        where=where,
        conditions=parts,
        views=[*View],
        modes=(Mode.BMODE, Mode.COLOR),
        labels=_lexicon(caller).labels,
    )


def _asked(answer: StoredAnswer) -> SearchRequest:
    return SearchRequest(**answer.about["asked"])


def _lexicon(caller: Caller) -> Lexicon:
    return load_lexicon(caller.archive.settings.lexicon)
