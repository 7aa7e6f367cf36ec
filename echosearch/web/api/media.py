"""Previews of videos: a cine, its first picture, and where each frame is in the file."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from echosearch.access.rights import Right
from echosearch.db.files.shown import shown_file
from echosearch.preview.values import CODEC, TIMESCALE, NoPreview, Preview, PreviewSize
from echosearch.web.address import API
from echosearch.web.problems import Problem, problem_responses
from echosearch.web.rights import Caller, needs

__all__ = ["router"]

router = APIRouter(prefix=f"{API}/videos", tags=["videos"])
Watcher = Annotated[Caller, needs(Right.SEE, quiet=True)]
PROBLEMS = problem_responses("not-found", "no-preview")


class Samples(BaseModel):
    """The frames of preview.mp4: each is shown from its own ticks to those of the next, the last until ``end``."""

    codec: Annotated[str, Field(description="for WebCodecs")]
    width: int
    height: int
    timescale: Annotated[int, Field(description="ticks a second")]
    end: int
    time_known: Annotated[bool, Field(description="false: the file states no time; 30 frames a second are assumed")]
    samples: Annotated[list[tuple[int, int, bool, int]], Field(description="offset, size, is a key frame, ticks")]


@router.get("/{video}/preview.mp4", response_class=Response, responses=PROBLEMS)
def preview(caller: Watcher, video: UUID, size: PreviewSize = "card") -> Response:
    """Return the cine, VP9 in MP4; parts of it by Range."""
    return FileResponse(_preview(caller, "preview", str(video), size).mp4, media_type="video/mp4")


@router.get("/{video}/poster.jpg", response_class=Response, responses=PROBLEMS)
def poster(caller: Watcher, video: UUID, size: PreviewSize = "card") -> Response:
    """Return the first picture, JPEG."""
    return FileResponse(_preview(caller, "poster", str(video), size).poster, media_type="image/jpeg")


@router.get("/{video}/samples", response_model=Samples, responses=PROBLEMS)
def samples(caller: Watcher, video: UUID, size: PreviewSize = "card") -> JSONResponse:
    """Return offset, size and time of each frame in preview.mp4."""
    found = _preview(caller, "samples", str(video), size)
    shown = Samples(
        codec=CODEC,
        width=found.width,
        height=found.height,
        timescale=TIMESCALE,
        end=found.end,
        time_known=found.time_known,
        samples=[(one.offset, one.size, one.key, one.ticks) for one in found.samples],
    )
    return JSONResponse(shown.model_dump())


def _preview(caller: Caller, action: str, video: str, size: PreviewSize) -> Preview:
    """The preview of a video that the caller may see. Raises Problem "not-found", "no-preview" with the reason.

    A page asks for dozens: it takes one statement here, beside that of the caller's session.
    """
    with caller.archive.connect_reading() as connection:
        seen = shown_file(connection, video)
    if seen is None or not caller.archive.viewer.sees(seen.month, seen.age, seen.sex):
        raise Problem("not-found", "no such video")
    found = caller.serving.previews.of_file(video, seen.digest, size)
    caller.record_picture(action, seen.study)
    if isinstance(found, NoPreview):
        raise Problem("no-preview", found.reason)
    return found
