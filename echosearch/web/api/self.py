"""Who the caller is, and why they look patients up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from echosearch.access.rights import Right
from echosearch.db.access.sessions import IDLE_MINUTES, set_reason
from echosearch.web.address import API
from echosearch.web.problems import Problem, problem_responses
from echosearch.web.rights import Caller, needs

__all__ = ["router"]

router = APIRouter(prefix=f"{API}/me", tags=["me"])
Self = Annotated[Caller, needs(Right.SELF)]


class Me(BaseModel):
    name: str
    role: str
    project: str | None
    rights: list[str]
    has_reason: bool
    idle_minutes: int  # after which a session ends


class GivenReason(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(min_length=1, max_length=500)]


@router.get("")
def me(caller: Self) -> Me:
    """Return the caller."""
    viewer = caller.who.viewer
    return Me(
        name=viewer.name,
        role=str(viewer.role),
        project=viewer.project,
        rights=sorted(caller.may),
        has_reason=bool(viewer.reason),
        idle_minutes=IDLE_MINUTES,
    )


@router.put("/reason", status_code=204, responses=problem_responses("input"))
def give_reason(caller: Self, given: GivenReason) -> Response:
    """Say why patients are looked up, for the rest of this session. A token has its reason from its making."""
    if caller.who.via != "session":
        raise Problem("input", "a token has its reason from its making")
    with caller.archive.engine.begin() as connection:
        set_reason(connection, caller.who.digest, caller.serving.keys.seal(given.reason.encode()))
    caller.record("reason", query=given.reason)
    return Response(status_code=204)
