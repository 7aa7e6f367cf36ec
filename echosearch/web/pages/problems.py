"""Errors as pages, for who asked with a browser for a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from echosearch.errors import EchosearchError
from echosearch.web.address import API
from echosearch.web.problems import Problem
from echosearch.web.rendering import page
from echosearch.web.rights import known_caller

__all__ = ["show_problems"]

Answer = Callable[[Request, Exception], Response]


def show_problems(app: FastAPI) -> None:
    """Answer errors of pages with pages; handle_problems comes first."""
    for kind in (Problem, EchosearchError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _as_page(app.exception_handlers[kind]))  # type: ignore[arg-type]


def _as_page(answer: Answer) -> Answer:
    def shown(request: Request, error: Exception) -> Response:
        made = answer(request, error)
        wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(API)
        if made.status_code < 400 or not wants_page:
            return made
        body = json.loads(bytes(made.body))
        said = SimpleNamespace(code=body["type"].rpartition("/")[2], detail=body["detail"])
        # where the server itself fails, nothing more is asked of its stores
        known = known_caller(request) if made.status_code < 500 else getattr(request.state, "caller", None)
        given = page(request, "problem.html", known, made.status_code, problem=said)
        for name in ("retry-after", "allow", "www-authenticate"):
            if name in made.headers:
                given.headers[name] = made.headers[name]
        return given

    return shown
