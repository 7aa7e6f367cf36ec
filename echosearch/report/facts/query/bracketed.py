"""Statements that brackets hold together: EF 40未満または(重度MRかつAF), AS(AVA < 1.0)またはAR."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from echosearch.report.facts.reader.mention import Mention, Value

__all__ = ["held_together"]

Stated = TypeVar("Stated", bound=Mention | Value)

_BRACKET = re.compile(r"[()]")
_OWN = re.compile(r"\s*")  # between a statement and the brackets that say more of it


def held_together(text: str, stated: Sequence[Stated]) -> list[list[Stated]]:
    """Group statements, in the order of a uniform text: those of outermost brackets, with what these stand behind."""
    groups: list[list[Stated]] = []
    waiting = list(stated)
    for start, end in _outermost(text):
        while waiting and waiting[0].start_at < start:
            groups.append([waiting.pop(0)])
        inside = []
        while waiting and waiting[0].start_at < end:
            inside.append(waiting.pop(0))
        if groups and _OWN.fullmatch(text, groups[-1][-1].end_at, start):
            groups[-1] += inside
        elif inside:
            groups.append(inside)
    return groups + [[one] for one in waiting]


def _outermost(text: str) -> Iterator[tuple[int, int]]:
    """Yield where outermost brackets begin and end; what is never closed holds nothing together."""
    depth = start = 0
    for bracket in _BRACKET.finditer(text):
        if bracket[0] == "(":
            start = start if depth else bracket.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                yield start, bracket.end()
