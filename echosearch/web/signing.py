"""Signing in and out in a browser, and the one-time link that makes the admin."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from echosearch.access.password import digest, hash_password
from echosearch.access.rights import Right
from echosearch.access.sign_in import NewSession, sign_in, start_session
from echosearch.db.access.accounts import account_named, add_account
from echosearch.db.access.sessions import LONGEST_HOURS, end_session, set_reason
from echosearch.db.access.viewer import Role, Viewer
from echosearch.web.problems import Problem
from echosearch.web.rendering import page
from echosearch.web.returning import Back, BackQuery, sign_in_address
from echosearch.web.rights import Caller, Server, needs, open_route
from echosearch.web.serving import Serving

__all__ = ["router", "signed_in"]

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Form(min_length=1, max_length=64, pattern=r"^[\w.@-]+$")]
Secret = Annotated[str, Form(max_length=256)]


@router.get("/sign-in", dependencies=[open_route()])
def sign_in_page(
    request: Request,
    server: Server,
    failed: bool = False,
    provider: Literal["down", "refused"] | None = None,
    back: BackQuery = "/",
) -> Response:
    """Return the form, and the way to the provider if there is one; ``provider``: what came of that.

    ``back``: the page that was asked for, and that signing in leads to.
    """
    if server.setup is not None:
        raise Problem("setup-needed", "open the one-time link that echosearch serve printed")
    return page(
        request, "sign-in.html", failed=failed, by_provider=server.provider is not None, provider=provider, back=back
    )


@router.post("/sign-in", dependencies=[open_route()])
def post_sign_in(
    server: Server,
    name: Name,
    password: Secret,
    code: Annotated[str, Form(max_length=16)] = "",
    back: Back = "/",
) -> Response:
    """Sign in, and go back to the page that was asked for."""
    if server.setup is not None:
        raise Problem("setup-needed")
    with server.archive.engine.begin() as connection:
        account = sign_in(connection, server.keys, name, password, code)
        session = start_session(connection, account.id) if account is not None else None
    # before the answer: without its row nobody is in
    who = Viewer(account.name, Role(account.role), None, None) if account else Viewer(name)
    server.trail.record(who, "session", "sign in", outcome="done" if account else "refused")
    if session is None:
        return RedirectResponse(sign_in_address(back, failed="true"), 303)
    return signed_in(server, session, back)


@router.post("/sign-out")
def sign_out(caller: Annotated[Caller, needs(Right.SELF)], back: Back = "/") -> Response:
    """Sign out; ``back``: the page that nobody used, for whoever signs in again."""
    with caller.archive.engine.begin() as connection:
        end_session(connection, caller.who.digest)
    caller.record("sign out")
    answer = RedirectResponse(sign_in_address(back), 303)
    answer.delete_cookie(caller.serving.options.cookie, secure=caller.serving.options.secure, httponly=True)
    return answer


@router.get("/setup/{secret}", dependencies=[open_route()])
def setup_page(request: Request, server: Server, secret: str) -> Response:
    if not server.is_setup(secret):
        raise Problem("not-found", "this link has been used, or was never made")
    return page(request, "setup.html")


@router.post("/setup/{secret}", dependencies=[open_route()])
def setup(server: Server, secret: str, name: Name, password: Secret) -> Response:
    """Make the admin and sign in; the link is good for one."""
    if not server.is_setup(secret):
        raise Problem("not-found", "this link has been used, or was never made")
    hashed = hash_password(password)
    server.trail.record(Viewer(name, Role.ADMIN), "session", "setup")
    with server.archive.engine.begin() as connection:
        made = add_account(connection, name, Role.ADMIN, None, hashed)
        if made is None:
            raise Problem("exists", "an account has this name")
        session = start_session(connection, made)
    server.setup = None
    return signed_in(server, session)


@router.get("/demo/{secret}", dependencies=[open_route()])
def sign_in_demo(server: Server, secret: str) -> Response:
    """Sign in to a demo's archive by its one-time link."""
    if not server.is_demo(secret):
        raise Problem("not-found", "this link has been used, or was never made")
    server.demo_link = None
    with server.archive.engine.begin() as connection:
        account = account_named(connection, "demo")
        assert account is not None  # made before the link was printed
        session = start_session(connection, account.id)
        set_reason(connection, digest(session.cookie), server.keys.seal(b"demo"))
    server.trail.record(Viewer("demo", Role.CLINICIAN), "session", "sign in")
    return signed_in(server, session)


def signed_in(server: Serving, session: NewSession, back: str = "/") -> Response:
    """Go to a page of this server, the first one if no other was asked for, with the cookie of a session."""
    answer = RedirectResponse(back, 303)
    options = server.options
    answer.set_cookie(
        options.cookie, session.cookie, LONGEST_HOURS * 3600, secure=options.secure, httponly=True, samesite="lax"
    )
    return answer
