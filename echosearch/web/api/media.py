"""Previews of videos: a cine, its first picture, and where each frame is in the file."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from echosearch.access.rights import Right
from echosearch.web.address import API
from echosearch.web.problems import Problem, problem_responses
from echosearch.web.rights import Caller, needs
from echosearch.web.studies import video_seen

__all__ = ["router"]

router = APIRouter(prefix=f"{API}/videos", tags=["videos"])
Watcher = Annotated[Caller, needs(Right.SEE, quiet=True)]
PROBLEMS = problem_responses("not-found", "no-preview")


@router.get("/{video}/preview.mp4", response_class=Response, responses=PROBLEMS)
def preview(request: Request, caller: Watcher, video: UUID) -> Response:
    """The cine, VP9 in MP4."""
    return _preview(caller, str(video))


@router.get("/{video}/poster.jpg", response_class=Response, responses=PROBLEMS)
def poster(request: Request, caller: Watcher, video: UUID) -> Response:
    """The first picture, JPEG."""
    return _preview(caller, str(video))


@router.get("/{video}/samples", responses=PROBLEMS)
def samples(caller: Watcher, video: UUID) -> Response:
    """Offset, size and time of each frame in preview.mp4."""
    return _preview(caller, str(video))


def _preview(caller: Caller, video: str) -> Response:
    video_seen(caller, video)
    raise Problem("no-preview", "previews are not made yet")
