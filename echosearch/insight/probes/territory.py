"""Name the coronary territories of a regional wall motion abnormality, and read them off the words of reports.

    rwma.LAD, rwma.RCA, rwma.LCX        targets of probes: hypokinesis or worse of a wall that the artery feeds

A fact says which walls move badly, the words for them in its sentence say whose these are (walls.toml). A report that
names no wall is left out, and so is one whose wall may be of the territory or not (中隔).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosearch.errors import InputError
from echosearch.report.facts import Fact, Lexicon, read_facts
from echosearch.report.facts.text.named_walls import NamedWall, walls_in, walls_of
from echosearch.report.facts.walls import MOTION
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.told import stated_by
from echosearch.search.changes.asked import named_concept

__all__ = ["FINDING", "TERRITORIES", "is_territory", "label_of", "named_target", "stated_territory"]

FINDING = "rwma"
LABELS = {
    "LAD": "左前下行枝領域の壁運動異常",
    "RCA": "右冠動脈領域の壁運動異常",
    "LCX": "左回旋枝領域の壁運動異常",
}
TERRITORIES = tuple(LABELS)
_TARGET = re.compile(rf"(.+)\.({'|'.join(TERRITORIES)})", re.IGNORECASE)


def is_territory(concept: str) -> bool:
    """Return whether a target is a territory, such as rwma.LAD."""
    finding, _, territory = concept.partition(".")
    return finding == FINDING and territory in TERRITORIES


def label_of(concept: str, lexicon: Lexicon) -> str:
    """Return what a target of probes is called."""
    if is_territory(concept):
        return LABELS[concept.partition(".")[2]]
    return lexicon.labels.get(concept, concept)


def named_target(name: str, lexicon: Lexicon) -> str:
    """Return the finding, measurement or territory that a name means: mr, 左房拡大, rwma.LAD, 下壁の壁運動異常.

    Raises InputError.
    """
    split = _TARGET.fullmatch(name.strip())
    concept = named_concept(split[1] if split else name, lexicon)
    of_walls = concept in ("lv_wall_motion", *MOTION)
    if split:
        if not of_walls:
            raise InputError(f"{name[:40]!r}: wall motion alone has territories: rwma.{split[2].upper()}")
        return f"{FINDING}.{split[2].upper()}"
    walls = walls_in(name) if of_walls else ()
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
    walls = _walls_in_text(text or "", lexicon)
    territory = concept.partition(".")[2]
    if any(territory in wall.surely for wall in walls):
        return True
    return None if not walls or any(territory in wall.perhaps for wall in walls) else False


def _walls_in_text(text: str, lexicon: Lexicon) -> list[NamedWall]:
    """Return the walls that move badly, mild or worse."""
    return [
        wall
        for fact in read_facts(text, lexicon, repeated=True)
        if fact.concept in MOTION and fact.polarity == "present" and (fact.severity is None or fact.severity[0] >= MILD)
        for wall in walls_of(text, fact.start, fact.end, fact.walls)
    ]
