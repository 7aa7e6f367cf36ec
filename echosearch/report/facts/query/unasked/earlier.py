"""What a query says of an earlier study is asked of no study: 前回LVEF 60%、今回40%以下.

Changes that are understood (前回より低下, 前回なかった) are read before; what is left here stays unread, and is
said so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["of_this_study", "outside"]

_THAN = r"より|から|と|比|に比|に?は?な[いかく]|指摘|同様|並"  # 前回より悪化, 前回なかった: of both studies
_EARLIER = re.compile(
    rf"(?:前々?回(?!(?:検査|エコー|時)?(?:{_THAN}))"
    r"|\bprevious(?:ly)?\b(?=[^、,。;]*[,;、\s]+now\b))"  # and no previous MVR, which is history
    r"(?P<said>[^、,。;]*)(?P<now>[、,。;\s]*(?:今回|現在|\bnow\b)[のはが]?\s*)?",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?P<name>[^\W\d_][^\s\d、,。;:=<>≥≤≦≧]*?)(?:[がは]|\s|:|=)*[<>=]*\s*\d")
_LINK = re.compile(r"^(?:検査|エコー|時|は|の|\s)+")
_NUMBER = re.compile(r"(?:below|under|above|over)?\s*[<>=]*\s*\d", re.IGNORECASE)

Span = tuple[int, int]


def of_this_study(text: str) -> tuple[str, list[Span], list[Span]]:
    """Return a uniform text whose statements of an earlier study are blank, where they were, and where 今回 is.

    A number behind 今回 that has no name is of what was measured before: its name is written before it.
    """
    earlier: list[Span] = []
    now: list[Span] = []
    for found in [*_EARLIER.finditer(text)]:
        blank = " " * len(found[0])
        earlier.append((found.start(), found.end("said")))
        if found["now"] is not None:
            now.append(found.span("now"))
            said = _LINK.sub("", found["said"])
            name = _NAME.match(said)
            if name and _NUMBER.match(text, found.end()) and len(name["name"]) < len(blank):
                blank = blank[: -len(name["name"]) - 1] + name["name"] + " "
        text = text[: found.start()] + blank + text[found.end() :]
    return text, earlier, now


def outside(covered: Iterable[Span], unread: Iterable[Span]) -> list[Span]:
    """Return what of the covered places is outside those that stay unread."""
    left = [*covered]
    for start, end in unread:
        left = [part for one in left for part in ((one[0], min(one[1], start)), (max(one[0], end), one[1]))]
        left = [(begin, stop) for begin, stop in left if begin < stop]
    return left
