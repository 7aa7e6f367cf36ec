"""Abbreviations of a query that mean two things: how each was read, and what else it may mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.reader.mention import Mention

__all__ = ["Ambiguous", "ambiguous_words"]


@dataclass(frozen=True)
class Ambiguous:
    """``word`` was read as ``concept``, in words ``meaning``; ``other`` is what it may mean besides."""

    word: str
    concept: str
    meaning: str
    other: str

    def __str__(self) -> str:
        return f"{self.word} is read as {self.meaning}: write it out if you mean {self.other}"


def ambiguous_words(text: str, mentions: Iterable[Mention], lexicon: Lexicon) -> Iterator[Ambiguous]:
    """Yield what of a uniform query was read by its usual meaning, where nothing beside it decides."""
    for mention in mentions:
        words = text[mention.start_at : mention.start_at + mention.end - mention.start]
        for word, reads, meaning, other in lexicon.ambiguous:
            if mention.finding.concept == reads and re.search(
                rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", words, re.I
            ):
                yield Ambiguous(word, reads, meaning, other)
