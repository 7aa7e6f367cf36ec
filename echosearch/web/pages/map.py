"""The map page: points that can be drawn around; the studies that were become a search, a cohort or a review."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from echosearch.access.rights import Right
from echosearch.cohort.definition import MOST_STUDIES, define
from echosearch.cohort.run import reading
from echosearch.cohort.store import save_definition
from echosearch.errors import InputError
from echosearch.report.facts import load_lexicon
from echosearch.search.chosen import chosen_studies
from echosearch.search.results import MAX_TOP_K
from echosearch.web.language.english import concept_label
from echosearch.web.problems import Problem, problem_of
from echosearch.web.rendering import page, settings_of
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import keep, seen_studies
from echosearch.web.studies import encoder_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Searcher = Annotated[Caller, needs(Right.SEARCH)]
FINDINGS = ("mr", "as", "ar", "tr", "la_dilation", "lv_dilation", "lv_hypertrophy", "pericardial_effusion")
KEY = 37  # characters of a key and the space behind it
WAIT = 20.0  # seconds, for a map that was never made


@router.get("/map")
def show_map(request: Request, caller: Searcher) -> Response:
    """Return the page; its points come by themselves. Raises EmptyArchive."""
    encoder_of(caller)
    return _shown(request, caller)


@router.get("/map/points")
def map_points(caller: Searcher) -> Response:
    """Return the studies of the map that the caller may see: place, device, year, and the grades of the findings.

    The places are of the whole sample, the same for everybody. Raises Problem "busy" until there is a map.
    """
    known = caller.serving.map.get(WAIT)
    if known is None:
        raise Problem("busy", "the map is being made", Retry_After="5")
    seen = seen_studies(caller, [one.study for one in known.value.points])
    points = [one for one in known.value.points if one.study in seen]
    caller.record("map", [one.study for one in points])
    body = {
        "studies": [one.study for one in points],
        "x": [one.x for one in points],
        "y": [one.y for one in points],
        "device": [one.device for one in points],
        "year": [one.year for one in points],
        "shares": [round(share, 3) for share in known.value.shares],
        **{name: [one.grades.get(name) for one in points] for name in FINDINGS},
    }
    return JSONResponse(body)


@router.post("/map/chosen")
def post_chosen(caller: Searcher, studies: Annotated[str, Form(max_length=KEY * MAX_TOP_K)]) -> Response:
    """Keep the chosen studies as a search, and show it."""
    keys = _keys(studies)
    with caller.serving.searching():
        answer = keep(caller, chosen_studies(caller.archive, keys), "study")
    caller.record("map chosen", keys)
    return RedirectResponse(f"/searches/{answer.id}", 303)


@router.post("/map/cohort")
def post_cohort(
    request: Request,
    caller: Annotated[Caller, needs(Right.COHORT)],
    studies: Annotated[str, Form(max_length=KEY * MOST_STUDIES)],
    name: Annotated[str, Form(max_length=64)],
    then: Annotated[Literal["cohort", "review"], Form()] = "cohort",
) -> Response:
    """Save the chosen studies that the caller may see as a cohort; show it, or its first member to review."""
    try:
        seen = seen_studies(caller, _keys(studies))
        if not seen:
            raise InputError("none of the chosen studies may be shown")
        made = define(name, "", load_lexicon(caller.archive.settings.lexicon), studies=sorted(seen))
        with reading(caller.archive) as connection:
            save_definition(caller.archive, connection, made)
    except InputError as exc:
        caller.record("cohort define", outcome="refused")
        return _shown(request, caller, problem_of(exc), studies, name)
    caller.record("cohort define", made.studies)
    return RedirectResponse(f"/cohorts/{name}{'/review' if then == 'review' else ''}", 303)


def _keys(studies: str) -> list[str]:
    try:
        return [str(UUID(one)) for one in studies.split()]
    except ValueError:
        raise InputError("the chosen studies are keys") from None


def _shown(
    request: Request, caller: Caller, problem: Problem | None = None, studies: str = "", name: str = ""
) -> Response:
    lexicon, language = load_lexicon(caller.archive.settings.lexicon), settings_of(request).language
    findings = [(concept, concept_label(concept, lexicon, language)) for concept in FINDINGS]
    status = 200 if problem is None else problem.status
    return page(request, "map.html", caller, status, findings=findings, problem=problem, studies=studies, name=name)
