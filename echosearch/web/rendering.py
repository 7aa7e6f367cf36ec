"""Jinja2 templates of the pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from echosearch.access.rights import Right
from echosearch.web.language.words import LANGUAGES, words_in
from echosearch.web.returning import here
from echosearch.web.rights import Caller

__all__ = ["SETTINGS_COOKIE", "STATIC", "THEMES", "PageSettings", "page", "settings_of"]

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
THEMES = ("dark", "light")
SETTINGS_COOKIE = "echosearch-settings"  # language.theme.letters: nothing about who uses it
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {"Right": Right, "parts": _ENVIRONMENT.get_template("parts.html").module}


@dataclass(frozen=True)
class PageSettings:
    """How a browser wants its pages. ``letters``: single letters act as keys (WCAG 2.1.4: they can be switched off)."""

    language: str = LANGUAGES[0]
    theme: str = THEMES[0]
    letters: bool = True


def settings_of(request: Request) -> PageSettings:
    """Return the settings that the browser keeps; what is not one of ours is as by default."""
    language, theme, letters = (*request.cookies.get(SETTINGS_COOKIE, "").split("."), "", "", "")[:3]
    usual = PageSettings()
    return PageSettings(
        language if language in LANGUAGES else usual.language,
        theme if theme in THEMES else usual.theme,
        letters != "off",
    )


def page(request: Request, template: str, caller: Caller | None = None, status: int = 200, **context: Any) -> Response:
    """Render a template.

    It has ``caller`` (None where nobody is signed in) and what they ``may``, ``csrf`` for its forms, ``settings``,
    ``t``, the words of the interface in its language, and ``here``, the page's own address on this server.
    """
    settings = settings_of(request)
    shown = _ENVIRONMENT.get_template(template).render(
        request=request,
        caller=caller,
        csrf=caller.who.csrf if caller is not None else "",
        settings=settings,
        here=here(request),
        t=words_in(settings.language),
        may=caller.may if caller is not None else frozenset(),
        **context,
    )
    return HTMLResponse(shown, status)
