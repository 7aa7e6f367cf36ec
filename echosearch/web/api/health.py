"""Health: whether the process lives, and whether it answers searches."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from echosearch.web.problems import Problem, problem_responses
from echosearch.web.rights import Server, open_route

__all__ = ["router"]

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str


@router.get("/healthz", dependencies=[open_route()])
def healthz() -> Health:
    """Answer while the process lives."""
    return Health(status="alive")


@router.get("/readyz", dependencies=[open_route()], responses=problem_responses("store"))
def readyz(server: Server) -> Health:
    """Answer 200 when a test query has been answered; 503 before."""
    if not server.ready:
        raise Problem("store", "the encoder is being loaded", Retry_After="2")
    return Health(status="ready")
