"""Read how the walls of a query are joined: 前壁と下壁、または側壁 is (anterior and inferior) or lateral."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise, product
from typing import Literal, TypeVar

from echosearch.report.facts.text.named_walls import PlacedWall

__all__ = ["Clauses", "either", "joined_walls"]

T = TypeVar("T")
MOST_CLAUSES = 256  # of statements that または joins; what is beyond is not asked

_OR = re.compile(
    r"または|又は|もしくは|若しくは|あるいは|或いは|か(?=[前後下側心中左右])|\bor\b|の(?:いずれ|どれ|どちら)か",
    re.IGNORECASE,
)
_AND = re.compile(r"と(?!も|ら)|および|及び|かつ|ならびに|並びに|に加え|\band\b|&", re.IGNORECASE)
_COMMA = re.compile("[、,]")
_ANY_OF = re.compile(r"の?(?:いずれ|どれ|どちら)か|、?いずれか")  # behind the last wall
_BEHIND = 6  # characters behind the last wall that may say いずれか of all

Clauses = tuple[tuple[str, ...], ...]  # all of them hold, each by one of its walls
_Joint = tuple[Literal["and", "or"] | None, bool]  # what joins two walls, and whether a comma does


def _both(first: Sequence[tuple[str, ...]], second: Sequence[tuple[str, ...]]) -> Clauses:
    """Join two statements that must both hold."""
    return tuple(dict.fromkeys((*first, *second)))


def either(first: Sequence[tuple[T, ...]], second: Sequence[tuple[T, ...]]) -> tuple[tuple[T, ...], ...]:
    """Return the clauses, of which all hold where those of one of two statements do: MRまたは前壁と下壁の無収縮."""
    pairs = islice(product(first, second), MOST_CLAUSES)
    return tuple(dict.fromkeys(tuple(dict.fromkeys((*one, *other))) for one, other in pairs))


def joined_walls(walls: Sequence[PlacedWall], text: str) -> Clauses:
    """Return what must hold of walls that a text names; of an empty list nothing.

    A word behind a comma joins what stands on its two sides as a whole, else "and" binds before "or". What a comma
    alone parts is joined as the rest of its list: 前壁、下壁または側壁 is any of the three.
    """
    if not walls:
        return ()
    named = sorted(walls, key=lambda one: one.start)
    joints = [_joint(text, one.end, two.start) for one, two in pairwise(named)]
    own = [tuple((wall,) for wall in one.named.walls) for one in named]
    if _ANY_OF.search(text[named[-1].end : named[-1].end + _BEHIND]):
        joints = [("or", False)] * len(joints)
    made: Clauses = ()
    outer: Literal["and", "or"] | None = None
    for place, (begin, end) in enumerate(_parts(joints)):
        following = joints[end - 1][0] if end <= len(joints) else None
        part = _part(own[begin:end], [kind for kind, _ in joints[begin : end - 1]], outer or following or "and")
        made = part if place == 0 else either(made, part) if outer == "or" else _both(made, part)
        outer = following
    return made


def _joint(text: str, start: int, end: int) -> _Joint:
    between = text[start:end]
    either_one = any(match.start() < end for match in _OR.finditer(text, start, end + 1))
    kind: Literal["and", "or"] | None = "or" if either_one else "and" if _AND.search(between) else None
    return kind, _COMMA.search(between) is not None


def _parts(joints: Sequence[_Joint]) -> Iterator[tuple[int, int]]:
    """Yield [begin, end) of the walls between words that stand behind a comma."""
    begin = 0
    for place, (kind, comma) in enumerate(joints):
        if kind is not None and comma:
            yield begin, place + 1
            begin = place + 1
    yield begin, len(joints) + 1


def _part(own: Sequence[Clauses], kinds: Sequence[str | None], default: str) -> Clauses:
    """Join walls: "and" before "or"; what only a comma parts is joined as what follows in its list is."""
    told = [next((kind for kind in kinds[place:] if kind is not None), default) for place in range(len(kinds))]
    groups: list[Clauses] = [own[0]]
    for clauses, kind in zip(own[1:], told, strict=True):
        if kind == "and":
            groups[-1] = _both(groups[-1], clauses)
        else:
            groups.append(clauses)
    made = groups[0]
    for group in groups[1:]:
        made = either(made, group)
    return made
