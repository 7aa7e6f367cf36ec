"""Read which walls of the left ventricle words name, and the coronary territories that they are of (walls.toml)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from echosearch.report.facts import Lexicon, read_facts
from echosearch.report.facts.text.uniform import uniform

__all__ = ["MOTION", "Wall", "stated_walls", "walls_in"]

MOTION = ("rwma", "hypokinesis", "akinesis", "dyskinesis")  # a wall moves badly, and how; the broadest first
_BOUND = re.compile(r"[。、,;；\n]")
_PIECE = r"[^。、,;；\n]"
# 下壁は正常、前壁は低収縮: a wall that moves well may be among the words of one that does not
_NORMAL = re.compile(
    rf"{_PIECE}*(?:正常|良好|保た|温存)|{_PIECE}*\b(?:normal|preserved)\b(?:(?!\b(?:with|but|except)\b){_PIECE})*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Wall:
    """Territories (LAD, RCA, LCX) that a wall is of, and those that it may be of."""

    surely: frozenset[str]
    perhaps: frozenset[str]


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[re.Pattern[str], Wall], ...]:
    data = tomllib.loads(files(__package__).joinpath("walls.toml").read_text(encoding="utf-8"))
    return tuple(
        (re.compile(word, re.IGNORECASE), Wall(frozenset(entry["territory"]), frozenset(entry.get("perhaps", ()))))
        for entry in data["walls"]
        for word in entry["words"]
    )


def stated_walls(text: str, lexicon: Lexicon, least: int) -> list[tuple[Wall, ...]]:
    """Return the walls of each statement that one moves badly, grade ``least`` or worse: up to its end, or else of its
    clause."""
    return [
        walls_in(_clause(text, fact.start, fact.end, 0)) or walls_in(_clause(text, fact.start, fact.end, len(text)))
        for fact in read_facts(text, lexicon, repeated=True)
        if fact.concept in MOTION
        and fact.polarity == "present"
        and (fact.severity is None or fact.severity[0] >= least)
    ]


def walls_in(words: str) -> tuple[Wall, ...]:
    """Return the walls that are named and not normal, the longest word first: 下側壁 is no 側壁."""
    plain, at, found = _NORMAL.sub("", uniform(words).text), 0, []
    while at < len(plain):
        matches = [(match.end(), wall) for word, wall in _table() if (match := word.match(plain, at))]
        end, wall = max(matches, key=lambda one: one[0], default=(at, None))
        if wall is not None and end > at:
            found.append(wall)
        at = max(end, at + 1)
    return tuple(found)


def _clause(text: str, start: int, end: int, more: int) -> str:
    """Return a statement with the words before it, and those of the ``more`` characters behind: akinesis (前壁)."""
    before, behind = _BOUND.split(text[:start])[-1], _BOUND.split(text[end : end + more])[0]
    return before + text[start:end] + behind
