"""Statements of a query as または joins them: each to the one before, and to all of a list of like ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from echosearch.report.facts.query.lists import in_one_list
from echosearch.report.facts.reader.mention import Mention, Value
from echosearch.report.facts.reader.motion.joined import either

__all__ = ["JoinedStatements"]

T = TypeVar("T")


class JoinedStatements(Generic[T]):
    """Clauses of a uniform text, of which all hold, each by one of its conditions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._each: list[Sequence[tuple[T, ...]]] = []
        self._last: Mention | Value | None = None  # what the last one says, if it is one finding or value
        self._listed = 1  # statements at the end that are one list of like findings

    def add(self, clauses: Sequence[tuple[T, ...]], said: Mention | Value | None, or_before: bool) -> None:
        """Add a statement: MR、ARまたはAS is any of the three, MR重度、ARまたはAS severe MR with one of the two."""
        if or_before and self._each:
            for _ in range(self._listed):
                clauses = either(self._each.pop(), clauses)
            said, self._listed = None, 1
        else:
            self._listed = self._listed + 1 if in_one_list(self._text, self._last, said) else 1
        self._last = said
        self._each.append(clauses)

    @property
    def clauses(self) -> list[tuple[T, ...]]:
        """All clauses, in the order of the text."""
        return [clause for clauses in self._each for clause in clauses]
