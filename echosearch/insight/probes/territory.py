"""Name the coronary territories of a regional wall motion abnormality, and read them off the words of reports.

    rwma.LAD, rwma.RCA, rwma.LCX        targets of probes: hypokinesis or worse of a wall that the artery feeds

A fact says that a wall moves badly, its place in the text says which (walls.toml). A report that says so and names no
wall is left out, and so is one whose wall may be of the territory or not (中隔).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from echosearch.db.questions.fact_conditions import NARROWER
from echosearch.errors import InputError
from echosearch.report.facts import Fact, Lexicon, read_facts
from echosearch.report.facts.text.uniform import uniform
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.told import stated_by
from echosearch.search.changes.asked import named_concept

__all__ = ["FINDING", "TERRITORIES", "is_territory", "label_of", "named_target", "stated_territory"]

FINDING = "rwma"
TERRITORIES = ("LAD", "RCA", "LCX")
_MOTION = (FINDING, *NARROWER[FINDING])
_BOUND = re.compile(r"[。、,;；\n]")
_PIECE = r"[^。、,;；\n]"
# 下壁は正常、前壁は低収縮: a wall that moves well may be among the words of one that does not
_NORMAL = re.compile(
    rf"{_PIECE}*(?:正常|良好|保た|温存)|{_PIECE}*\b(?:normal|preserved)\b(?:(?!\b(?:with|but|except)\b){_PIECE})*",
    re.IGNORECASE,
)
_TARGET = re.compile(rf"(.+)\.({'|'.join(TERRITORIES)})", re.IGNORECASE)


@dataclass(frozen=True)
class _Wall:
    """Territories that a wall is of, and those that it may be of."""

    surely: frozenset[str]
    perhaps: frozenset[str]


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[tuple[re.Pattern[str], _Wall], ...], dict[str, str]]:
    data = tomllib.loads(files(__package__).joinpath("walls.toml").read_text(encoding="utf-8"))
    walls = [
        (re.compile(word, re.IGNORECASE), _Wall(frozenset(entry["territory"]), frozenset(entry.get("perhaps", ()))))
        for entry in data["walls"]
        for word in entry["words"]
    ]
    return tuple(walls), data["labels"]


def is_territory(concept: str) -> bool:
    """Return whether a target is a territory, such as rwma.LAD."""
    finding, _, territory = concept.partition(".")
    return finding == FINDING and territory in TERRITORIES


def label_of(concept: str, lexicon: Lexicon) -> str:
    """Return what a target of probes is called."""
    if is_territory(concept):
        return _table()[1][concept.partition(".")[2]]
    return lexicon.labels.get(concept, concept)


def named_target(name: str, lexicon: Lexicon) -> str:
    """Return the finding, measurement or territory that a name means: mr, 左房拡大, rwma.LAD, 下壁の壁運動異常.

    Raises InputError.
    """
    split = _TARGET.fullmatch(name.strip())
    concept = named_concept(split[1] if split else name, lexicon)
    of_walls = concept in ("lv_wall_motion", *_MOTION)
    if split:
        if not of_walls:
            raise InputError(f"{name[:40]!r}: wall motion alone has territories: rwma.{split[2].upper()}")
        return f"{FINDING}.{split[2].upper()}"
    walls = _walls_in(name) if of_walls else ()
    named = {territory for wall in walls for territory in wall.surely}
    if not walls:
        return concept
    if len(named) != 1:
        raise InputError(f"{name[:40]!r} is not of one territory: name rwma.LAD, rwma.RCA or rwma.LCX")
    return f"{FINDING}.{named.pop()}"


def stated_territory(facts: Sequence[Fact], text: str | None, concept: str, lexicon: Lexicon) -> bool | None:
    """Return whether a report states a wall motion abnormality of a territory, hypokinesis or worse; None: not sure.

    ``text`` is that of the report, from which ``facts`` were read.
    """
    told = stated_by(facts, FINDING)
    if not told:
        return told
    walls = [wall for stated in _stating(text or "", lexicon) for wall in stated]
    territory = concept.partition(".")[2]
    if any(territory in wall.surely for wall in walls):
        return True
    return None if not walls or any(territory in wall.perhaps for wall in walls) else False


def _stating(text: str, lexicon: Lexicon) -> list[tuple[_Wall, ...]]:
    """Return the walls of each statement that one moves badly: up to its end, or else of its clause."""
    return [
        _walls_in(_clause(text, fact.start, fact.end, 0)) or _walls_in(_clause(text, fact.start, fact.end, len(text)))
        for fact in read_facts(text, lexicon, repeated=True)
        if fact.concept in _MOTION
        and fact.polarity == "present"
        and (fact.severity is None or fact.severity[0] >= MILD)
    ]


def _clause(text: str, start: int, end: int, more: int) -> str:
    """Return a statement with the words before it, and those of the ``more`` characters behind: akinesis (前壁)."""
    before, behind = _BOUND.split(text[:start])[-1], _BOUND.split(text[end : end + more])[0]
    return before + text[start:end] + behind


def _walls_in(words: str) -> tuple[_Wall, ...]:
    """Return the walls that are named and not normal, the longest word first: 下側壁 is no 側壁."""
    plain, at, found = _NORMAL.sub("", uniform(words).text), 0, []
    while at < len(plain):
        matches = [(match.end(), wall) for word, wall in _table()[0] if (match := word.match(plain, at))]
        end, wall = max(matches, key=lambda one: one[0], default=(at, None))
        if wall is not None and end > at:
            found.append(wall)
        at = max(end, at + 1)
    return tuple(found)
