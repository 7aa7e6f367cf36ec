"""Signing in by an OpenID provider: the way there, and the way back."""

from __future__ import annotations

import logging
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from echosearch.access.oidc.linking import ACCOUNT_NAME, find_account
from echosearch.access.oidc.provider import (
    PENDING_SECONDS,
    Identity,
    Provider,
    ProviderDown,
    SignInRefused,
    pending_from,
)
from echosearch.access.sign_in import start_session
from echosearch.db.access.viewer import Role, Viewer
from echosearch.web.problems import Problem
from echosearch.web.returning import BackQuery, sign_in_address
from echosearch.web.rights import Server, open_route
from echosearch.web.serving import Serving
from echosearch.web.signing import signed_in

__all__ = ["router"]

router = APIRouter(include_in_schema=False, prefix="/sign-in/oidc")
BACK = "/sign-in/oidc/back"
LOG = logging.getLogger("echosearch.oidc")


@router.get("", dependencies=[open_route()])
def begin(request: Request, server: Server, back: BackQuery = "/") -> Response:
    """Send the browser to the provider; it keeps, sealed, the page that was asked for."""
    provider = _provider(server)
    try:
        address, pending = provider.begin(_redirect(request, server), back)
    except ProviderDown as exc:
        return _failed(server, provider, "down", exc, back)
    answer = RedirectResponse(address, 303)
    answer.set_cookie(
        _cookie(server),
        pending.sealed(server.keys),
        PENDING_SECONDS,
        secure=server.options.secure,
        httponly=True,
        samesite="lax",  # the way back is a link of another site
    )
    return answer


@router.get("/back", dependencies=[open_route()])
def back(request: Request, server: Server) -> Response:
    """Sign in whom the provider has sent back. Every refusal is a row of the audit, and one line of the log."""
    provider, identity, asked = _provider(server), None, "/"
    try:
        pending = pending_from(server.keys, request.cookies.get(_cookie(server), ""))
        asked = pending.back
        identity = provider.finish(pending, _redirect(request, server), request.query_params)
        answer = _sign_in(server, provider, identity, asked)
    except ProviderDown as exc:
        answer = _failed(server, provider, "down", exc, asked)
    except SignInRefused as exc:
        _record(server, Viewer(_name(identity)), identity, "refused")
        answer = _failed(server, provider, "refused", exc, asked)
    answer.delete_cookie(_cookie(server), secure=server.options.secure, httponly=True)
    return answer


def _sign_in(server: Serving, provider: Provider, identity: Identity, asked: str) -> Response:
    with server.archive.engine.begin() as connection:
        linked = find_account(connection, provider.client, identity)
        account = linked.account
        session = start_session(connection, account.id) if account is not None else None
    if linked.made is not None:
        server.trail.record(Viewer(linked.made), "oidc", f"account add {linked.made}")
    if account is None or session is None:
        raise SignInRefused(linked.refusal)
    # before the answer: without its row nobody is in
    _record(server, Viewer(account.name, Role(account.role)), identity, "done")
    return signed_in(server, session, asked)


def _record(server: Serving, who: Viewer, identity: Identity | None, outcome: str) -> None:
    """Write to the audit; the subject, by which an admin links an account, is encrypted there."""
    told = f"subject {identity.subject}" if identity is not None else ""
    server.trail.record(who, "oidc", "sign in", query=told, outcome=outcome)


def _name(identity: Identity | None) -> str:
    return identity.name if identity is not None and ACCOUNT_NAME.fullmatch(identity.name) else ""


def _failed(
    server: Serving, provider: Provider, how: Literal["down", "refused"], why: Exception, asked: str
) -> Response:
    LOG.warning("sign-in by %s %s: %s", provider.client.issuer, how, why)
    return RedirectResponse(sign_in_address(asked, provider=how), 303)


def _provider(server: Serving) -> Provider:
    if server.setup is not None:
        raise Problem("setup-needed", "open the one-time link that echosearch serve printed")
    assert server.provider is not None  # else there is no such route
    return server.provider


def _cookie(server: Serving) -> str:
    return f"{server.options.cookie}-oidc"


def _redirect(request: Request, server: Serving) -> str:
    """The address that the provider sends the browser back to; guard.py lets only this server's own hosts pass."""
    return f"{'https' if server.options.secure else 'http'}://{request.headers['host']}{BACK}"
