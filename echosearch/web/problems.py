"""Errors as the API gives them (RFC 9457): one code for each class of error."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from echosearch.errors import (
    ArchiveLocked,
    EchosearchError,
    EmptyArchive,
    EncoderError,
    FileRefused,
    InputError,
    NoEncoder,
    StoreUnreachable,
    UnknownStudy,
    WhereError,
)
from echosearch.web.returning import here, sign_in_address

__all__ = ["CODES", "Problem", "ProblemBody", "handle_problems", "problem_of", "problem_responses"]

# code -> (status, title)
CODES: dict[str, tuple[int, str]] = {
    "invalid-request": (422, "The request is not what the API asks for"),
    "condition": (422, "A condition is not in the language"),
    "input": (422, "What was asked cannot be searched"),
    "file-refused": (422, "This file cannot be searched by"),
    "sign-in": (401, "Sign in first"),
    "sign-in-failed": (401, "Name, password or code are wrong"),
    "forbidden": (403, "This role may not do that"),
    "reason-needed": (403, "Say why patients are looked up"),
    "cross-site": (403, "This request did not come from a page of this server"),
    "not-found": (404, "There is no such thing here"),
    "unknown-study": (404, "No such study"),
    "no-preview": (404, "No preview of this video"),
    "method": (405, "This address does not take that method"),
    "empty-archive": (409, "The archive is empty"),
    "encoder": (409, "The encoder cannot answer"),
    "exists": (409, "That exists already"),
    "search-expired": (410, "This search has expired"),
    "too-large": (413, "Too large"),
    "misdirected": (421, "This server has another name"),
    "too-many": (429, "Too many requests of yours"),
    "busy": (503, "Too many searches at once"),
    "setup-needed": (503, "No admin has been made yet"),
    "store": (503, "A store does not answer"),
    "audit": (503, "The audit cannot be written, so nothing is answered"),
    "failed": (500, "That failed"),
}
MEDIA = "application/problem+json"
_ERRORS: tuple[tuple[type[EchosearchError], str], ...] = (
    (WhereError, "condition"),
    (UnknownStudy, "unknown-study"),
    (EmptyArchive, "empty-archive"),
    (NoEncoder, "encoder"),
    (EncoderError, "encoder"),
    (FileRefused, "file-refused"),
    (StoreUnreachable, "store"),
    (ArchiveLocked, "store"),
    (InputError, "input"),
)
RULES = {  # what pydantic found -> the rule; warnings.toml has them in Japanese
    "missing": "give it, it is required",
    "extra_forbidden": "there is a field that is not known here",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
    "string_pattern_mismatch": "it has characters or a form that are not allowed here",
    "uuid_parsing": "a key: 32 digits 0-9 and a-f",
    "int_parsing": "a whole number",
    "bool_parsing": "true or false",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "json_invalid": "it is not JSON",
}
_OPTION = re.compile(r"--([a-z-]+)")  # of the command line, as messages name it


class ProblemBody(BaseModel):
    """An error."""

    type: str  # /problems/CODE
    title: str
    status: int
    detail: str = ""


class Problem(Exception):
    """An answer that is an error. ``detail`` names no patient and repeats no query."""

    def __init__(self, code: str, detail: str = "", **headers: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail
        self.status = CODES[code][0]
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def response(self) -> Response:
        body = ProblemBody(
            type=f"/problems/{self.code}", title=CODES[self.code][1], status=self.status, detail=self.detail
        )
        return JSONResponse(body.model_dump(), self.status, self.headers, MEDIA)


def problem_of(error: EchosearchError) -> Problem:
    """Turn one of our errors into a problem; its sentence names fields of a request, not options."""
    code = next((code for kind, code in _ERRORS if isinstance(error, kind)), "failed")
    detail = _OPTION.sub(lambda option: option[1].replace("-", "_"), str(error))
    return Problem(code, detail, **({"Retry_After": "5"} if code == "store" else {}))


def handle_problems(app: FastAPI) -> None:
    """Answer every error as a problem."""

    def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        return (
            RedirectResponse(sign_in_address(here(request)), 303)
            if error.code == "sign-in" and wants_page
            else error.response
        )

    def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, EchosearchError)
        return problem_of(error).response

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        told = [f"{_place(one)}: {_rule(one)}" for one in error.errors()]  # never the value
        return Problem("invalid-request", "; ".join(told)[:500]).response

    def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        codes = {404: "not-found", 405: "method", 413: "too-large"}
        made = Problem(codes.get(error.status_code, "invalid-request" if error.status_code < 500 else "failed"))
        made.headers = dict(error.headers or {})  # Allow, of a 405
        return made.response

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(EchosearchError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _place(error: dict[str, Any]) -> str:
    """Where a request is wrong, by names that are in the API's description: not by a field that it does not have."""
    return ".".join(map(str, error["loc"][: -1 if error["type"] == "extra_forbidden" else None]))


def _rule(error: dict[str, Any]) -> str:
    """The rule that a field breaks, in plain words; pydantic's own where we have none."""
    rule = RULES.get(error["type"])
    return error["msg"] if rule is None else rule.format(**error.get("ctx", {}))


def problem_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route may answer with, as OpenAPI has them."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status, title = CODES[code]
        named = found.setdefault(
            status, {"description": "", "content": {MEDIA: {"schema": ProblemBody.model_json_schema()}}}
        )
        named["description"] = "; ".join(filter(None, [named["description"], f"{code}: {title}"]))
    return found
