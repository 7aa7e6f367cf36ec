"""Around every answer: which Host is served, security headers, the size of bodies, and the access log."""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echosearch.web.incident import answer_incident
from echosearch.web.problems import Problem
from echosearch.web.serving import Serving

__all__ = ["ACCESS_LOG", "CSP", "MOST_BODY", "Guard"]

ACCESS_LOG = "echosearch.access"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
MOST_BODY = 1 << 20  # bytes; files to search by have their own limit
CSP = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "media", "connect", "font", "manifest")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "content-security-policy": CSP,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Guard:
    """The outermost part of the server. The log holds route templates, never what stood in a URL."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self._app, self._serving = app, serving
        headers = dict(HEADERS)
        if viewer := serving.archive.settings.viewer_url:  # a form's answer leads there
            place = urlsplit(viewer)
            own = f"form-action 'self' {place.scheme}://{place.netloc}"
            headers["content-security-policy"] = CSP.replace("form-action 'self'", own)
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        if serving.options.secure:
            self._headers.append((b"strict-transport-security", b"max-age=31536000"))
        self._log = logging.getLogger(ACCESS_LOG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, begun = time.perf_counter(), 500, False

        async def guarded(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                given = message.setdefault("headers", [])
                present = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(each for each in self._headers if each[0] not in present)]
            await send(message)

        try:
            refusal = self._refusal(scope)
            await (self._app if refusal is None else refusal.response)(scope, receive, guarded)
        except Exception as exc:  # here, not further out: there it would be logged with its message
            answer = answer_incident(Request(scope), exc)
            if not begun:
                await answer(scope, receive, guarded)
        finally:
            route: Any = scope.get("route")
            template, took = getattr(route, "path", "-"), time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else "other"  # a client may send any word
            self._serving.counts.note(method, template, status, took)
            self._log.info("%s %s %d %.0f ms", method, template, status, 1000 * took)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if name.lower() not in self._serving.options.hosts:
            return Problem("misdirected", "give the names that it is reached by with --host-name")
        length = headers.get(b"content-length", "0")
        chunked = b"transfer-encoding" in headers
        large = not length.isdecimal() or int(length) > MOST_BODY or chunked
        if large and scope["path"] != "/api/v1/searches/file":
            return Problem("too-large", f"at most {MOST_BODY:,} bytes, with a Content-Length")
        return None
