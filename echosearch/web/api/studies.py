"""Studies, patients and videos."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from echosearch.access.rights import Right
from echosearch.web.address import API
from echosearch.web.problems import problem_responses
from echosearch.web.rights import Caller, needs
from echosearch.web.studies import (
    patient_timeline,
    study_json,
    study_seen,
    video_json,
    video_seen,
    videos_json,
    viewer_url,
)

__all__ = ["router"]

router = APIRouter(prefix=API)
Seer = Annotated[Caller, needs(Right.SEE)]
PROBLEMS = problem_responses("unknown-study", "reason-needed", "store", "empty-archive")


class StudyShape(BaseModel):
    """A study; with ``identified`` also identifiers and the report's text."""

    model_config = ConfigDict(extra="allow")
    study: str
    patient: str
    date: str | None
    age: int | None
    sex: str | None
    has_report: bool
    facts: list[dict[str, Any]]
    measurements: list[dict[str, Any]]


class VideoShape(BaseModel):
    video: str
    study: str
    view: str | None
    view_prob: float | None
    mode: str
    device: str | None
    frames: int
    rows: int
    columns: int
    frame_seconds: float | None
    heart_rate: int | None


class Videos(BaseModel):
    videos: list[VideoShape]


class TimelineShape(BaseModel):
    """As `echosearch timeline --json`."""

    patient: str
    studies: list[dict[str, Any]]
    scales: dict[str, Any]
    encoder: dict[str, Any]
    warnings: list[str]


@router.get("/studies/{study}", tags=["studies"], response_model=StudyShape, responses=PROBLEMS)
def show_study(caller: Seer, study: UUID, identified: bool = False) -> JSONResponse:
    """Return a study: what its report and its measurements state."""
    seen = study_seen(caller, str(study))
    shown = study_json(caller, seen, identified)
    caller.record("study identified" if identified else "study", [seen.study])
    return JSONResponse(shown)


@router.get("/studies/{study}/videos", tags=["studies"], response_model=Videos, responses=PROBLEMS)
def show_videos(caller: Seer, study: UUID) -> JSONResponse:
    """Return the videos of a study that searches find."""
    seen = study_seen(caller, str(study))
    videos = videos_json(caller, seen)
    caller.record("videos", [seen.study])
    return JSONResponse({"videos": videos})


@router.post(
    "/studies/{study}/viewer",
    tags=["studies"],
    status_code=303,
    response_class=Response,
    responses=PROBLEMS | {303: {"description": "The study in the PACS's viewer"}},
)
def open_viewer(caller: Annotated[Caller, needs(Right.PACS)], study: UUID) -> Response:
    """Go to the study in the PACS's viewer. It is a POST, so that no UID stands in an address of this server."""
    seen = study_seen(caller, str(study))
    url = viewer_url(caller, seen)
    caller.record("viewer", [seen.study])
    return RedirectResponse(url, 303)


@router.get("/patients/{patient}/studies", tags=["studies"], response_model=TimelineShape, responses=PROBLEMS)
def show_timeline(caller: Seer, patient: UUID, identified: bool = False) -> JSONResponse:
    """Return a patient's studies in order, with what changed from one to the next."""
    shown = patient_timeline(caller, str(patient), identified)
    caller.record("timeline identified" if identified else "timeline", [one["study"] for one in shown["studies"]])
    return JSONResponse(shown)


@router.get("/videos/{video}", tags=["videos"], response_model=VideoShape, responses=problem_responses("not-found"))
def show_video(caller: Seer, video: UUID) -> JSONResponse:
    """Return a video's attributes."""
    seen = video_seen(caller, str(video))
    caller.record("video", [seen.study])
    return JSONResponse(video_json(seen))
