"""のみ, だけ, しかない, 限局, only, isolated: of the walls of a wall motion abnormality they leave out all others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.query.ambiguous import Ambiguous
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.text.named_walls import PlacedWall, placed_walls
from echosearch.report.facts.walls import MOTION, of_wall, walls_apart

__all__ = ["Only", "only_here", "only_of_walls"]

_CONFINED = "限局(?:した|する|して|性の?)?"
_JUST = r"(?:のみ|だけ)(?!なら|で(?:は)?な)"  # and not のみならず
_NOT_BUT = "しか(?![らしもっ])"  # and not なしから
_ALONE = (
    rf"(?:に?{_NOT_BUT}|に?{_JUST}(?:に(?:{_CONFINED})?)?|に(?:{_CONFINED}|限(?:る|った|られ[たる]|って)|とどまる))"
)
_BEHIND_WALL = re.compile(
    rf"(?:領域|の?部位|の?部分)?{_ALONE}|(?: (?:walls?|segments?|regions?|territor(?:y|ies)))? (?:only|alone)\b",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    r"\b(?:only|isolated|(?:limited|confined|locali[sz]ed|restricted|isolated) (?:only )?to)"
    r"(?: (?:in|of|at|to|the|an?|mild|moderate|severe))*\s*\Z",
    re.IGNORECASE,
)
_NEAR = 40  # characters between a statement and the walls that it is of
_ONLY = re.compile(rf"{_JUST}|{_NOT_BUT}(?:(?:認め|みられ|見られ)?な[いく])?|(?<!not )\bonly\b", re.IGNORECASE)
_BESIDE = re.compile(r"\s*(?:が|は|を)?\s*")

Span = tuple[int, int]
Only = tuple[list[str], list[Span]]  # concepts that must not be there, and the places of the words that say so


def only_of_walls(text: str, mentions: Sequence[Mention]) -> Only:
    """Return what a uniform text leaves out by naming the only walls that move badly."""
    concepts, places = list[str](), list[Span]()
    walls = placed_walls(text)
    for mention in mentions:
        stated = mention.finding.concept in MOTION and mention.polarity == "present" and not mention.excluded
        place = _said_of(text, mention, walls) if stated and not mention.other_walls else None
        if place is not None:
            concepts += [of_wall(MOTION[0], wall) for wall in walls_apart(mention.walls)]
            places.append(place)
    return concepts, places


def _said_of(text: str, mention: Mention, walls: Sequence[PlacedWall]) -> Span | None:
    """Return the place of the words that leave out all walls but those of a statement."""
    start, end = mention.start_at, mention.end_at
    own = [one for one in walls if start - _NEAR <= one.start < end + _NEAR and {*one.named.walls} <= {*mention.walls}]
    for wall in own:
        if behind := _BEHIND_WALL.match(text, wall.end):
            return behind.span()
    for at in (start, *(wall.start for wall in own)) if own else ():
        if ahead := _AHEAD.search(text, 0, at):
            return ahead.span()
    return None


def only_here(
    text: str, mentions: Sequence[Mention], read: Sequence[Span], lexicon: Lexicon
) -> Iterator[tuple[Ambiguous, Span]]:
    """Yield のみ and only beside findings, where nothing says what must not be there besides, and where: TRのみ."""
    for word in _ONLY.finditer(text):
        if any(start <= word.start() < end for start, end in read):
            continue
        for mention in mentions:
            start, end = mention.start_at, mention.end_at
            behind = _BESIDE.fullmatch(text, end, word.start())
            ahead = word[0].isascii() and _BESIDE.fullmatch(text, word.end(), start)
            if behind or ahead or start <= word.start() < end:
                said = text[min(start, word.start()) : max(end, word.end())]
                concept = mention.finding.concept
                meaning = f"{lexicon.labels.get(concept, concept)}, whatever else is there"
                yield Ambiguous(said, concept, meaning, "that nothing else is there"), word.span()
                break
