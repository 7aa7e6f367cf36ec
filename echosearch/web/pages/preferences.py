"""What a person sets in the browser: language, theme, keys; and why they look up patients."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from echosearch.access.rights import Right
from echosearch.db.access.sessions import set_reason
from echosearch.web.rendering import SETTINGS_COOKIE
from echosearch.web.returning import Back
from echosearch.web.rights import Caller, Server, needs, open_route

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
YEAR = 365 * 86_400


@router.post("/settings", dependencies=[open_route()])
def post_settings(
    server: Server,
    language: Annotated[Literal["ja", "en"], Form()],
    theme: Annotated[Literal["dark", "light"], Form()],
    back: Back = "/",
    letters: Annotated[Literal["on", "off"], Form()] = "off",
) -> Response:
    """Keep the settings in the browser, and go back."""
    answer = RedirectResponse(back, 303)
    answer.set_cookie(
        SETTINGS_COOKIE,
        f"{language}.{theme}.{letters}",
        YEAR,
        secure=server.options.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/reason")
def post_reason(
    caller: Annotated[Caller, needs(Right.IDENTIFY)],
    reason: Annotated[str, Form(min_length=1, max_length=200)],
    back: Back = "/",
) -> Response:
    """Keep for this session why patients are looked up."""
    caller.record("reason", query=reason)
    with caller.archive.engine.begin() as connection:
        set_reason(connection, caller.who.digest, caller.serving.keys.seal(reason.encode()))
    return RedirectResponse(back, 303)
