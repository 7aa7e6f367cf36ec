"""Jinja2 templates of the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from echosearch.web.rights import Caller

__all__ = ["STATIC", "page"]

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, template: str, caller: Caller | None = None, status: int = 200, **context: Any) -> Response:
    """Render a template; it has ``caller`` (None where nobody is signed in) and ``csrf`` for its forms."""
    csrf = caller.who.csrf if caller is not None else ""
    shown = _ENVIRONMENT.get_template(template).render(request=request, caller=caller, csrf=csrf, **context)
    return HTMLResponse(shown, status)
