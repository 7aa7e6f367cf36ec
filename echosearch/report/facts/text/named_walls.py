"""Read which walls of the left ventricle words name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from echosearch.report.facts.text.uniform import uniform
from echosearch.report.facts.walls import walls_table

__all__ = ["PLACE", "NamedWall", "PlacedWall", "placed_walls", "stands_behind_a_wall", "walls_in", "walls_of"]

PLACE = r"(?:領域|部位?|壁)?(?:の(?:領域|部位?))?"  # behind the name of a wall

_SENTENCE = re.compile(r"[。;；\n]")


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


def walls_of(text: str, start: int, end: int, walls: Sequence[str]) -> tuple[NamedWall, ...]:
    """Return the words for ``walls`` in the sentence of a statement at [start, end), which is about these walls."""
    before, behind = _SENTENCE.split(text[:start])[-1], _SENTENCE.split(text[end:])[0]
    return tuple(one for one in walls_in(before + text[start:end] + behind) if set(one.walls) <= set(walls))


def walls_in(words: str) -> tuple[NamedWall, ...]:
    """Return the walls that are named, the longest word first: 下側壁 is no 側壁."""
    return tuple(one.named for one in placed_walls(uniform(words).text))


def placed_walls(text: str) -> list[PlacedWall]:
    """Return the walls that a uniform text names, with their places, in order."""
    at, found = 0, list[PlacedWall]()
    while (first := _any_word().search(text, at)) is not None:
        start = first.start()
        matches = [(match.end(), wall) for word, wall in _words() if (match := word.match(text, start))]
        at, wall = max(matches, key=lambda one: one[0])
        found += [PlacedWall(start, at, wall)] if wall.walls else []  # 心室中隔欠損 is no wall
    return found


def stands_behind_a_wall(text: str, at: int, since: int = 0) -> bool:
    """Return whether the words right before a place name a wall, and one named behind another place: 下壁以外."""
    walls = [one for one in placed_walls(text[:at]) if one.start >= since]
    return bool(walls) and re.fullmatch(PLACE, text[walls[-1].end : at]) is not None


@lru_cache(maxsize=1)
def _any_word() -> re.Pattern[str]:
    """Return what finds where a word begins: to try each word at each letter takes most of the reading."""
    return re.compile("|".join(word.pattern for word, _ in _words()), re.IGNORECASE | re.ASCII)
