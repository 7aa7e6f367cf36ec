"""The page that a form, or a sign-in, goes back to: a path of this server with its query, and nothing else."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Request

__all__ = ["Back", "BackQuery", "here", "sign_in_address"]

# one slash and a letter: "//name" would be another server. The query is what pages show: ?video=, ?after=
_PATTERN = r"^/([\w-][\w/.@-]*)?(\?[\w=&.%~:@+-]*)?$"
_PAGE = re.compile(_PATTERN)
MOST = 2000  # characters

Back = Annotated[str, Form(max_length=MOST, pattern=_PATTERN)]
BackQuery = Annotated[str, Query(max_length=MOST, pattern=_PATTERN)]


def here(request: Request) -> str:
    """Return the path and query of a page that can be asked for again; of an answer to a form the first page."""
    if request.method != "GET":
        return "/"
    place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return place if len(place) <= MOST and _PAGE.fullmatch(place) else "/"


def sign_in_address(back: str, **more: str) -> str:
    """Return the address of the sign-in page that leads to ``back`` afterwards."""
    given = more | ({"back": back} if back != "/" else {})
    return "/sign-in" + (f"?{urlencode(given)}" if given else "")
