"""Who asks, and whether they may: every route declares one right, or that it is open to everybody."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.concurrency import run_in_threadpool

from echosearch.access.rights import IN_WORDS, Right
from echosearch.access.sign_in import SignedIn, by_cookie, by_token
from echosearch.archive import Archive
from echosearch.errors import EchosearchError
from echosearch.web.problems import Problem
from echosearch.web.serving import Serving

__all__ = ["Caller", "Server", "check_rights", "declared", "known_caller", "needs", "open_route", "serving_of"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Caller:
    """Who asks, with the archive as they may see it."""

    serving: Serving
    who: SignedIn
    archive: Archive

    @property
    def may(self) -> frozenset[Right]:
        return self.who.rights

    def record(self, action: str, keys: Sequence[str] = (), query: str = "", outcome: str = "done") -> None:
        """Write to the audit, before the answer. Raises Problem "audit": then there is no answer."""
        try:
            self.serving.trail.record(self.who.viewer, self.who.via, action, keys=keys, query=query, outcome=outcome)
        except (EchosearchError, OSError) as exc:
            raise Problem("audit", Retry_After="5") from exc
        if outcome == "done":
            self.serving.noted.add(self.who.digest, keys)

    def record_picture(self, action: str, study: str) -> None:
        """Write down that a picture of a study was shown, unless a page with the study was: one has dozens."""
        if not self.serving.noted.has(self.who.digest, study):
            self.record(action, [study])

    def check_identify(self) -> None:
        """Raise Problem "forbidden" or "reason-needed" if identifiers may not be shown."""
        if Right.IDENTIFY not in self.may:
            raise Problem("forbidden", "identifiers, dates and reports are for clinicians")
        if not self.who.viewer.reason:
            raise Problem("reason-needed", "PUT /api/v1/me/reason, or a token that has one")


def serving_of(request: Request) -> Serving:
    return cast(Serving, request.app.state.serving)


Server = Annotated[Serving, Depends(serving_of)]


def needs(right: Right, quiet: bool = False) -> Any:
    """Return the dependency that gives a route its Caller, and refuses others.

    ``quiet``: asked without a person's doing (polls, media), so it does not keep a session alive, and is counted apart.
    """

    async def caller(request: Request) -> Caller:
        serving = serving_of(request)
        if serving.setup is not None:
            raise Problem("setup-needed", "open the one-time link that echosearch serve printed")
        who = await run_in_threadpool(_who, request, serving, not quiet)
        if who is None:
            raise Problem("sign-in", WWW_Authenticate="Bearer")
        wait = serving.rates.wait(who.account_id, quiet)
        if wait:
            raise Problem("too-many", f"next in {wait:.1f} s", Retry_After=str(math.ceil(wait)))
        if right not in who.rights:
            request.state.caller = refused = Caller(serving, who, serving.archive)
            await run_in_threadpool(refused.record, "refused", (), "", str(right))
            raise Problem("forbidden", f"the role {who.viewer.role} may not {IN_WORDS[right]}")
        if request.method not in SAFE and who.via == "session":
            await _check_same_site(request, serving, who.csrf)
        made = Caller(serving, who, serving.archive.seen_by(who.viewer))
        request.state.caller = made  # for the page of a problem
        return made

    caller.right = right  # type: ignore[attr-defined]  # read by declared()
    return Depends(caller)


def known_caller(request: Request) -> Caller | None:
    """Return who asks, for the page of a problem: also where no route has found out."""
    known: Caller | None = getattr(request.state, "caller", None)
    serving = serving_of(request)
    if known is not None or serving.setup is not None:
        return known
    who = _who(request, serving, used=False)
    return None if who is None else Caller(serving, who, serving.archive.seen_by(who.viewer))


def open_route() -> Any:
    """Declare a route that everybody may use: signing in, health, the static files' neighbours."""

    async def anybody(request: Request) -> None:
        if request.method not in SAFE:
            check_origin(request, serving_of(request))

    anybody.right = None  # type: ignore[attr-defined]
    return Depends(anybody)


def declared(app: FastAPI) -> Iterator[tuple[RouteContext, list[Right | None]]]:
    """Yield every route with the rights that it declares; None is "everybody"."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            calls = [one.call for one in route.dependant.dependencies]
            yield route, [vars(call)["right"] for call in calls if callable(call) and "right" in vars(call)]


def check_rights(app: FastAPI) -> None:
    """Raise ValueError if a route declares no right, or two."""
    found = list(declared(app))
    if not found:
        raise ValueError("the application has no routes")
    for route, rights in found:
        if len(rights) != 1:
            raise ValueError(f"{route.path} declares {len(rights)} rights: give it one with needs()")


def check_origin(request: Request, serving: Serving) -> None:
    """Raise Problem "cross-site" unless the request came from a page of this server, or from no page."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is None:
        if site in (None, "same-origin", "none"):
            return
    elif origin == "null":  # what a form of our own pages sends, as they have no referrer
        if site == "same-origin":  # no page can set this header
            return
    elif urlsplit(origin).netloc == request.headers.get("host") and (
        not serving.options.secure or origin.startswith("https://")
    ):
        return
    raise Problem("cross-site")


async def _check_same_site(request: Request, serving: Serving, csrf: str) -> None:
    check_origin(request, serving)
    given = request.headers.get("x-csrf-token")
    if given is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        value = (await request.form()).get("csrf")
        given = value if isinstance(value, str) else None
    if given is None or given != csrf:
        raise Problem("cross-site", "the header X-CSRF-Token, or the field csrf of a form, is missing or wrong")


def _who(request: Request, serving: Serving, used: bool) -> SignedIn | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(serving.options.cookie)
    # one statement, or an update of its own: no transaction around it, which would be two more messages
    with serving.archive.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if kind.lower() == "bearer":
            return by_token(connection, serving.keys, token.strip())
        return by_cookie(connection, serving.keys, cookie, used) if cookie else None
