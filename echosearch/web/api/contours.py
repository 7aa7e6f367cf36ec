"""The left ventricle's contour on a video: imported from DICOM SEG, or drawn when it is first asked for."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from echosearch.access.rights import Right
from echosearch.contour.as_json import contours_json, warning_of
from echosearch.contour.store import contours_of_video
from echosearch.contour.values import Figure, FoundBeat, HeadInfo, NoFigure, Source
from echosearch.web.address import API
from echosearch.web.problems import problem_responses
from echosearch.web.rights import Caller, needs
from echosearch.web.studies import video_seen

__all__ = ["router"]

router = APIRouter(prefix=f"{API}/videos", tags=["videos"])
Watcher = Annotated[Caller, needs(Right.SEE)]
PROBLEMS = problem_responses("not-found", "file-refused", "input", "busy")

Point = tuple[float, float]


class VideoContours(BaseModel):
    """The contours of one video: a source of its own, beside its reports and SR. Not a diagnosis."""

    source: Annotated[Source, Field(description="seg: imported from the site's DICOM SEG, and no head drew it")]
    head: HeadInfo | None
    warning: Annotated[str | None, Field(description="what has to be said with all that this head draws")]
    view: str
    frames: int
    figure: Annotated[Figure | None, Field(description="null: no_figure says why")]
    no_figure: NoFigure | None
    why: str
    beats: Annotated[list[FoundBeat], Field(description="frames from 0")]
    areas: Annotated[list[float | None] | None, Field(description="of each frame, a share of the preview")]
    outlines: Annotated[
        list[list[Point] | None] | None, Field(description="of each frame, 0 to 1 from left and above in the preview")
    ]


@router.get("/{video}/contour", response_model=VideoContours, responses=PROBLEMS)
def show_contour(caller: Watcher, video: UUID) -> JSONResponse:
    """Return the contour on every frame of a 4CH or 2CH cine, its beats and EF; or why there is none."""
    seen = video_seen(caller, str(video))
    serving = caller.serving
    with serving.interpreting():
        made = contours_of_video(caller.archive, seen.video, serving.contour_head, serving.previews.workers())
    caller.record("contour", [seen.study])  # a measurement, not a picture alone
    shown: dict[str, Any] = {"head": made.head, "warning": warning_of(made.head), **contours_json(made)}
    return JSONResponse(VideoContours.model_validate(shown, from_attributes=True).model_dump(mode="json"))
