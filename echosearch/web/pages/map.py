"""The map page: points that can be drawn around, and the studies that were."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from echosearch.access.rights import Right
from echosearch.errors import InputError
from echosearch.insight.vector_map import vector_map
from echosearch.report.facts import load_lexicon
from echosearch.search.chosen import chosen_studies
from echosearch.web.rendering import page
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import keep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Searcher = Annotated[Caller, needs(Right.SEARCH)]
FINDINGS = ("mr", "as", "ar", "tr", "la_dilation", "lv_dilation", "lv_hypertrophy", "pericardial_effusion")
MOST_TEXT = 200 * 37  # of the keys of as many studies as a search shows


@router.get("/map")
def show_map(request: Request, caller: Searcher) -> Response:
    """Return the page; its points come by themselves."""
    labels = load_lexicon(caller.archive.settings.lexicon).labels
    findings = [(concept, labels.get(concept, concept)) for concept in FINDINGS]
    return page(request, "map.html", caller, findings=findings)


@router.get("/map/points")
def map_points(caller: Searcher) -> Response:
    """Return the studies of the sample, column by column: place, device, year, and the grades of the findings."""
    with caller.serving.searching():
        found = vector_map(caller.archive)
    points = found.points
    caller.record("map", [one.study for one in points])
    body = {
        "studies": [one.study for one in points],
        "x": [one.x for one in points],
        "y": [one.y for one in points],
        "device": [one.device for one in points],
        "year": [one.year for one in points],
        "shares": [round(share, 3) for share in found.shares],
        **{name: [one.grades.get(name) for one in points] for name in FINDINGS},
    }
    return JSONResponse(body)


@router.post("/map/chosen")
def post_chosen(caller: Searcher, studies: Annotated[str, Form(max_length=MOST_TEXT)]) -> Response:
    """Keep the chosen studies as a search, and show it."""
    try:
        keys = [str(UUID(one)) for one in studies.split()]
    except ValueError:
        raise InputError("the chosen studies are keys") from None
    with caller.serving.searching():
        answer = keep(caller, chosen_studies(caller.archive, keys), "study")
    caller.record("map chosen", keys)
    return RedirectResponse(f"/searches/{answer.id}", 303)
