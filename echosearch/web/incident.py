"""What nobody expected: a page or a document with an incident's number, which the log has too."""

from __future__ import annotations

import logging
import secrets
import traceback
from types import SimpleNamespace

from fastapi import Request
from fastapi.responses import Response

from echosearch.web.address import API
from echosearch.web.problems import Problem
from echosearch.web.rendering import page

__all__ = ["INCIDENT_LOG", "answer_incident"]

INCIDENT_LOG = "echosearch.incident"
PLACES = 30  # of the stack, the innermost


def answer_incident(request: Request, error: Exception) -> Response:
    """Log where it failed under a new number, and return the answer that has the number.

    The log has kinds of errors and places in the code, never a message: a database's names the values that were asked.
    """
    number = secrets.token_hex(6)
    chain: list[str] = []
    each: BaseException | None = error
    while each is not None and len(chain) < 5:
        chain.append(type(each).__qualname__)
        each = each.__cause__ or each.__context__
    stack = traceback.extract_tb(error.__traceback__)[-PLACES:]
    places = "\n".join(f"  {place.filename}:{place.lineno} {place.name}" for place in stack)
    logging.getLogger(INCIDENT_LOG).error("incident %s: %s\n%s", number, " from ".join(chain), places)
    path, accepted = request.url.path, request.headers.get("accept", "")
    if "text/html" in accepted and not path.startswith(API):
        return page(request, "problem.html", status=500, problem=SimpleNamespace(code="failed", incident=number))
    return Problem("failed", f"incident {number}").response
