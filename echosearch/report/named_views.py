"""Views and modes that a query names: 4CHのMR. They are conditions on videos (--where), and no words of reports."""

from __future__ import annotations

import re

from echosearch.report.view_names import view_named
from echosearch.video import Mode, View

__all__ = ["named_views", "without_views"]

_WORD = re.compile(r"[^\s、,のをにではがと]+")
_LONGEST = 4  # words of a name: apical four chamber view
_MODES = {
    **dict.fromkeys(("カラー", "カラードプラ", "カラードップラー", "color", "colour"), Mode.COLOR),
    **dict.fromkeys(("Bモード", "bモード", "bmode", "b-mode"), Mode.BMODE),
}


def named_views(rest: str) -> dict[str, str]:
    """Return the conditions that the names of views and modes in a text stand for: {"4CH": "view = 4CH"}."""
    return {rest[start:end]: condition for start, end, condition in _places(rest)}


def without_views(rest: str) -> str:
    """Return a text without the names of views and modes."""
    for start, end, _ in _places(rest):
        rest = rest[:start] + " " * (end - start) + rest[end:]
    return " ".join(rest.split())


def _places(rest: str) -> list[tuple[int, int, str]]:
    words = [match.span() for match in _WORD.finditer(rest)]
    found: list[tuple[int, int, str]] = []
    first = 0
    while first < len(words):
        for last in range(min(first + _LONGEST, len(words)), first, -1):
            start, end = words[first][0], words[last - 1][1]
            if (condition := _condition(rest[start:end])) is not None:
                found.append((start, end, condition))
                first = last
                break
        else:
            first += 1
    return found


def _condition(name: str) -> str | None:
    view = view_named(name)
    if view is not None and view is not View.OTHER:
        return f"view = {view}"
    mode = _MODES.get(name) or _MODES.get(name.lower())
    return None if mode is None else f"mode = {mode}"
