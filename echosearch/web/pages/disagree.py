"""The page of disagreements: what a report states, what the videos show, and a verdict on each."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from echosearch.access.rights import Right
from echosearch.db.cohorts.reviews import Answer
from echosearch.errors import InputError
from echosearch.insight.disagree import Against, Disagreement
from echosearch.report.facts import load_lexicon
from echosearch.search.changes.words import told_words
from echosearch.web.insights import disagreements, give_verdict
from echosearch.web.language.english import concept_label, told_in_english
from echosearch.web.problems import problem_of
from echosearch.web.rendering import page, settings_of
from echosearch.web.rights import Caller, needs

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Reviewer = Annotated[Caller, needs(Right.REVIEW)]
SHOWN = 50
CONCEPT = r"^\w*$"  # of the lexicon, not what was typed: it stands in the address


@router.get("/disagree")
def show_disagreements(
    request: Request,
    caller: Reviewer,
    finding: Annotated[str, Query(max_length=80, pattern=CONCEPT)] = "",
    against: Against = "videos",
) -> Response:
    """Return the most surprising studies, with the caller's own verdicts."""
    language = settings_of(request).language
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    shown, problem = None, None
    try:
        shown = disagreements(caller, finding or None, against, SHOWN)
    except InputError as exc:
        problem = problem_of(exc)
    found = shown.found.disagreements if shown else ()
    asked = (*lexicon.findings, *lexicon.measures)  # without those that have no name but that of the valve beside them
    return page(
        request,
        "disagree.html",
        caller,
        200 if problem is None else problem.status,
        problem=problem,
        shown=shown,
        rows=[
            (
                one,
                concept_label(one.concept, lexicon, language),
                *_sides(one, against, language),
                shown.answers.get(one.rank) if shown else None,
            )
            for one in found
        ],
        concepts=[(name, concept_label(name, lexicon, language)) for name in asked if name in lexicon.labels],
        finding=finding,
        against=against,
    )


def _sides(one: Disagreement, against: Against, language: str) -> tuple[str | None, str | None]:
    """What the report says, and what structured reports say if it is compared with them."""
    words = told_in_english if language == "en" else told_words
    if against == "videos":
        return words(one.told), None
    return words(replace(one.told, measurements=())), words(replace(one.told, facts=()))


@router.post("/disagree")
def post_disagreement(
    caller: Reviewer,
    study: Annotated[UUID, Form()],
    concept: Annotated[str, Form(max_length=80)],
    answer: Annotated[Answer, Form()],
    reason: Annotated[str, Form(max_length=500)] = "",
    finding: Annotated[str, Form(max_length=80, pattern=CONCEPT)] = "",
    against: Annotated[Against, Form()] = "videos",
) -> Response:
    """Record a verdict, and go back to the list."""
    give_verdict(caller, str(study), concept, answer, reason)
    return RedirectResponse(f"/disagree?{urlencode({'finding': finding, 'against': against})}#{study}", 303)
