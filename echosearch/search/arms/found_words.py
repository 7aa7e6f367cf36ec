"""What the word arm says of a study: how well its report has the words that were asked for, and where."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FoundWord", "FoundWords"]


@dataclass(frozen=True)
class FoundWord:
    """A term of the query in a report, [start, end) in code points of its text."""

    word: str  # as the query has it
    start: int
    end: int


@dataclass(frozen=True)
class FoundWords:
    score: float  # 0 to 1
    places: tuple[FoundWord, ...] = ()
