"""The lexicon's table of what a question may say and no fact keeps: [[untold]], read and made into patterns."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from echosearch.report.facts.lexicon.lexicon import Example, UntoldWords, examples_of
from echosearch.report.facts.lexicon.pattern import pattern_words

__all__ = ["TELLS", "UntoldTable"]

TELLS = ("place", "valve", "kind", "cause", "name")  # in the order in which they are said


class UntoldTable:
    """Collects the words of each concept."""

    def __init__(self) -> None:
        self._tells: dict[str, dict[str, set[str]]] = {}
        self.examples: list[Example] = []

    def add(self, entry: dict[str, Any], findings: Container[str]) -> None:
        """Add one entry. Raises ValueError, TypeError, KeyError, PatternError."""
        what, patterns, concepts = entry["what"], entry["words"], entry["reads"]
        if what not in TELLS:
            raise ValueError(f"what = {what!r}, it is one of {', '.join(TELLS)}")
        if isinstance(patterns, str) or isinstance(concepts, str):
            raise TypeError("reads and words of [[untold]] are lists of strings")
        words = {word.lower() for pattern in patterns for word in pattern_words(pattern)}
        for concept in concepts:
            if concept not in findings:
                raise ValueError(f"[[untold]] reads {concept!r}, which is no finding")
            for word in words:
                self._tells.setdefault(concept, {}).setdefault(word, set()).add(what)
        self.examples += examples_of(f"untold.{what}", entry)

    def made(self) -> Mapping[str, UntoldWords]:
        """Return the words of each concept; of two that begin alike the longer one is found."""
        return {
            concept: UntoldWords(
                re.compile("|".join(map(_bounded, sorted(tells, key=len, reverse=True))), re.IGNORECASE),
                {word: tuple(sorted(whats, key=TELLS.index)) for word, whats in tells.items()},
            )
            for concept, tells in self._tells.items()
        }


def _bounded(word: str) -> str:
    """A word in Latin letters is no part of a longer one."""
    ahead = "(?<![a-z0-9])" if word[0].isascii() else ""
    return ahead + re.escape(word) + ("(?![a-z0-9])" if word[-1].isascii() else "")
