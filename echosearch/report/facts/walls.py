"""The walls of the left ventricle: a wall motion abnormality of one is a concept of its own, "akinesis.inferior"."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = [
    "MOTION",
    "NAMED_NOWHERE",
    "TERRITORIES",
    "WALLS",
    "Wall",
    "concept_names",
    "kinds_of_motion",
    "left_out_of",
    "of_wall",
    "single_walls",
    "territories_of",
    "walls_apart",
    "walls_around",
    "walls_bytes",
    "walls_table",
    "without_wall",
]

MOTION = ("rwma", "hypokinesis", "akinesis", "dyskinesis")  # a wall moves badly, and how; the broadest first
TERRITORIES = ("LAD", "RCA", "LCX")
NAMED_NOWHERE = "unnamed"  # in place of a wall, where a statement names none


@dataclass(frozen=True)
class Wall:
    """A wall, or a region of several walls, with its names in Japanese and in English."""

    ja: str
    en: str
    parts: tuple[str, ...] = ()


def walls_bytes() -> bytes:
    """Return walls.toml, which is part of what a lexicon's version says."""
    return files(__package__).joinpath("walls.toml").read_bytes()


@lru_cache(maxsize=1)
def walls_table() -> dict[str, Any]:
    return tomllib.loads(walls_bytes().decode("utf-8"))


WALLS: Mapping[str, Wall] = {
    name: Wall(one["ja"], one["en"], tuple(one.get("parts", ()))) for name, one in walls_table()["walls"].items()
}


def of_wall(concept: str, wall: str) -> str:
    """Return the concept of a wall motion abnormality of one wall: akinesis.inferior."""
    return f"{concept}.{wall}"


def without_wall(concept: str) -> tuple[str, str | None]:
    """Return the concept of any wall, and the wall: akinesis, inferior. The wall is None where there is none."""
    finding, _, wall = concept.partition(".")
    return (finding, wall) if finding in MOTION and wall in WALLS else (concept, None)


def single_walls(walls: Iterable[str]) -> frozenset[str]:
    """Return the walls that make up walls and regions: of the septum its two halves."""
    named = {part for wall in walls for part in (wall, *WALLS[wall].parts)}
    return frozenset(wall for wall in named if not WALLS[wall].parts)


def walls_around(wall: str) -> tuple[str, ...]:
    """Return the regions that hold a wall: of the inferior wall that of the RCA."""
    own = single_walls([wall])
    return tuple(name for name in WALLS if name != wall and own <= single_walls([name]))


def walls_apart(walls: Iterable[str]) -> tuple[str, ...]:
    """Return the walls and regions that share nothing with some walls: beside the apex all but LAD."""
    own = single_walls(walls)
    return tuple(name for name in WALLS if own.isdisjoint(single_walls([name])))


def left_out_of(walls: Iterable[str]) -> tuple[str, ...]:
    """Return the walls that walls and regions leave out, where they are all that are apart from these; else none."""
    named = frozenset(walls)
    around = single_walls(WALLS) - single_walls(named)
    left = tuple(wall for wall in WALLS if wall in around)
    return left if left and frozenset(walls_apart(left)) == named else ()


def territories_of(wall: str) -> tuple[str, ...]:
    """Return the territories (LAD, RCA, LCX) that a wall is of: of the septum LAD and RCA."""
    own = {wall, *WALLS[wall].parts}
    return tuple(name for name in TERRITORIES if own & {name, *WALLS[name].parts})


def kinds_of_motion(concept: str) -> tuple[str, ...]:
    """Return the concepts that state an abnormality of wall motion: of rwma all kinds, of a kind itself."""
    return MOTION if concept == MOTION[0] else (concept,)


def concept_names(concept: str, walls: Iterable[str]) -> tuple[str, ...]:
    """Return all names by which conditions ask for what a fact states: its concept, and that of each wall."""
    if concept not in MOTION:
        return (concept,)
    return (concept, *(of_wall(concept, wall) for wall in tuple(walls) or (NAMED_NOWHERE,)))
