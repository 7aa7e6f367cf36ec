"""Read which walls of the left ventricle words name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from echosearch.report.facts.text.uniform import uniform
from echosearch.report.facts.walls import walls_table

__all__ = ["NamedWall", "PlacedWall", "placed_walls", "walls_in", "walls_of"]

_BOUND = re.compile(r"[。、,;；\n]")
_PIECE = r"[^。、,;；\n]"
# 下壁は正常、前壁は低収縮: a wall that moves well may be among the words of one that does not
_NORMAL = re.compile(
    rf"{_PIECE}*(?:正常|良好|保た|温存)|{_PIECE}*\b(?:normal|preserved)\b(?:(?!\b(?:with|but|except)\b){_PIECE})*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class NamedWall:
    """The walls that one word names, and the territories (LAD, RCA, LCX) that it is of, and that it may be of."""

    walls: tuple[str, ...]
    surely: frozenset[str]
    perhaps: frozenset[str]


@dataclass(frozen=True)
class PlacedWall:
    """Walls that words at [start, end) of a text name."""

    start: int
    end: int
    named: NamedWall


@lru_cache(maxsize=1)
def _words() -> tuple[tuple[re.Pattern[str], NamedWall], ...]:
    return tuple(
        (
            re.compile(word, re.IGNORECASE | re.ASCII),
            NamedWall(tuple(entry["walls"]), frozenset(entry["territory"]), frozenset(entry.get("perhaps", ()))),
        )
        for entry in walls_table()["words"]
        for word in entry["words"]
    )


def walls_of(text: str, start: int, end: int, of_normal: bool = False) -> tuple[NamedWall, ...]:
    """Return the walls that are named up to the end of a statement, or else up to that of its clause."""
    return walls_in(_clause(text, start, end, 0), of_normal) or walls_in(
        _clause(text, start, end, len(text)), of_normal
    )


def walls_in(words: str, of_normal: bool = False) -> tuple[NamedWall, ...]:
    """Return the walls that are named, the longest word first: 下側壁 is no 側壁.

    Those that are said to be normal are left out, unless ``of_normal``.
    """
    text = uniform(words).text
    return tuple(one.named for one in placed_walls(text if of_normal else _NORMAL.sub("", text)))


def placed_walls(text: str) -> list[PlacedWall]:
    """Return the walls that a uniform text names, with their places, in order."""
    at, found = 0, list[PlacedWall]()
    while at < len(text):
        matches = [(match.end(), wall) for word, wall in _words() if (match := word.match(text, at))]
        end, wall = max(matches, key=lambda one: one[0], default=(at, None))
        if wall is not None and end > at:
            found.append(PlacedWall(at, end, wall))
        at = max(end, at + 1)
    return found


def _clause(text: str, start: int, end: int, more: int) -> str:
    """Return a statement with the words before it, and those of the ``more`` characters behind: akinesis (前壁)."""
    before, behind = _BOUND.split(text[:start])[-1], _BOUND.split(text[end : end + more])[0]
    return before + text[start:end] + behind
