"""What a query denies twice is there: MRなしではない, MRを認めないわけではない, not without MR."""

from __future__ import annotations

import re

__all__ = ["without_double_denials"]

_DENIED = r"(?:なし|無し|な[いく]|無[いく]|認め(?:られ)?な[いく]|[みら見]られな[いく])"
_TWICE = re.compile(
    rf"[がはもを]?{_DENIED}(?:という)?(?:わけ|こと|の)?(?:で(?:は|も)?|じゃ|は|も|とは|とも)?"
    r"(?:な[いく]|無[いく]|ありません|[言い]えな[いく]|言い切れな[いく])(?!く)"
    r"|\b(?:not (?:without|free of|absent)|no absence of|never without)\b(?: an?\b| any\b)?",
    re.IGNORECASE,
)

Span = tuple[int, int]


def without_double_denials(text: str) -> tuple[str, list[Span]]:
    """Return a uniform text of the same length whose double denials are blank, and their places."""
    places = [found.span() for found in _TWICE.finditer(text)]
    return _TWICE.sub(lambda found: " " * len(found[0]), text), places
