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
FIELDS = {  # of the form: the condition that each makes
    "view": "view = {}",
    "mode": "mode = {}",
    "sex": "sex = {}",
    "age_from": "age >= {}",
    "age_to": "age <= {}",
    "since": "date >= {}",
    "until": "date <= {}",
    "device": 'device = "{}"',
}
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
    text: Text = "",
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
    fields = {
        "view": view,
        "mode": mode,
        "sex": sex,
        "age_from": age_from,
        "age_to": age_to,
        "since": since,
        "until": until,
        "device": device.strip(),
    }
    more = [FIELDS[name].format(given) for name, given in fields.items() if given]
    before = SearchRequest(group=group, sort=sort)

    def asked() -> SearchRequest:
        return before.model_copy(update={"text": text, "where": add_condition(where, more) or None})

    return _searched(request, caller, asked, text=text, where=where, asked=before, fields=fields, more=more)


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
    asked = before.model_copy(update={"text": text or None})
    return _searched(request, caller, lambda: asked, text=text, where=before.where or "", asked=before)


@router.post("/searches/{search_id}/conditions")
def post_condition(
    request: Request, caller: Searcher, search_id: UUID, place: Annotated[int, Form(ge=0, le=99)]
) -> Response:
    """Ask again without one condition of the filter."""
    before = _asked(stored(caller, search_id))
    where = without_condition(before.where or "", place)
    asked = before.model_copy(update={"where": where or None})
    return _searched(request, caller, lambda: asked, text=before.text or "", where=where, asked=before)


@router.post("/similar")
def post_similar(request: Request, caller: Searcher, study: Annotated[UUID, Form()]) -> Response:
    """Return studies that resemble one."""
    return _searched(request, caller, lambda: SearchRequest(study=study))


@router.get("/searches/{search_id}")
def show_search(
    request: Request, caller: Searcher, search_id: UUID, after: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    return _shown(request, caller, stored(caller, search_id), after)


def _searched(request: Request, caller: Caller, make: Callable[[], SearchRequest], **form: object) -> Response:
    """Search, write the audit and go to the answer; what cannot be asked is said beside the form, left as it was."""
    try:
        request_made = make()
        answer = make_search(caller, request_made)
    except SAID as exc:
        said = problem_of(exc)
        caller.record("search", query=str(form.get("text", "")), outcome="refused")
        return _form(request, caller, said.status, problem=said, **form)
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
        cards=cards_of(caller, hits, answer.about.get("belief"), lexicon, settings_of(request).language),
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
        "fields": dict.fromkeys(FIELDS, ""),
        "more": [],
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
