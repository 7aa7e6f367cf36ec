"""Which walls that a query names are understood: those that a condition on wall motion is of.

前壁 is left over in 前壁は正常で下壁は無収縮, though it is inside what states the akinesis; the walls of
"akinesis of the anterior and inferior walls" are understood, though they are outside of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.text.named_walls import PlacedWall, placed_walls
from echosearch.report.facts.walls import MOTION

__all__ = ["with_walls"]

_NOUN = re.compile(r"\s*(?:領域|\b(?:walls?|segments?|regions?|territor(?:y|ies))\b)?", re.IGNORECASE)

Span = tuple[int, int]


def with_walls(covered: Sequence[Span], text: str, mentions: Sequence[Mention]) -> list[Span]:
    """Return the places of a uniform text that were understood, its walls set right."""
    moving = [one for one in mentions if one.finding.concept in MOTION]
    if not moving:
        return [*covered]
    known = {wall for one in moving for wall in (*one.walls, *one.other_walls)}
    read, unread = list[PlacedWall](), list[PlacedWall]()
    for wall in placed_walls(text):
        (unread if known.isdisjoint(wall.named.walls) else read).append(wall)
    spans = [(one.start_at, one.end_at) for one in moving]
    inside = [one for one in unread if any(start <= one.start < end for start, end in spans)]
    left = [*covered, *(_place(one, text) for one in read)]
    for wall in inside:
        left = [part for span in left for part in _without(span, (wall.start, wall.end))]
    return left


def _place(wall: PlacedWall, text: str) -> Span:
    noun = _NOUN.match(text, wall.end)
    return wall.start, noun.end() if noun else wall.end


def _without(span: Span, hole: Span) -> Iterator[Span]:
    for part in ((span[0], min(span[1], hole[0])), (max(span[0], hole[1]), span[1])):
        if part[0] < part[1]:
            yield part
