"""What a lexicon holds: the senses of each word, findings and measurements."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Example", "Finding", "Lexicon", "Measure", "Sense", "UntoldWords", "examples_of"]


class Sense(NamedTuple):
    """One thing that a word may mean: ``kind`` says how it is read, ``value`` what it means."""

    kind: str
    value: Any
    rule: str
    bounded: bool = False  # counts only before a boundary
    before: bool = False  # stands before what it speaks of


class Example(NamedTuple):
    """A sentence and the facts that it holds, beside the rule that it shows."""

    rule: str
    text: str
    expected: str


def examples_of(rule: str, entry: Mapping[str, Any]) -> list[Example]:
    """Return the examples of a table's entry, each "text => what is read". Raises ValueError."""
    made = []
    for example in entry.get("examples", ()):
        text, arrow, expected = example.partition(" => ")
        if not arrow:
            raise ValueError(f"example {example!r} has no ' => '")
        made.append(Example(rule, text, expected))
    return made


@dataclass(frozen=True)
class Finding:
    """A concept that is a finding: how it is read and how it is shown."""

    concept: str
    rule: str
    group: str  # findings of one group share a severity over a comma; "state" has no severity
    head: str | None  # the structure that it names: lends its name to what follows
    implant: bool = False
    severity: tuple[int, int] | None = None
    polarity: str | None = None


@dataclass(frozen=True)
class Measure:
    """A measurement: unit, plausible range, and the units it may be written in with their factors, in order.

    ``worse`` is "<" where less of it is worse, ">" where more is, None where both may be.
    """

    id: str
    unit: str | None
    low: float
    high: float
    factors: tuple[tuple[str, float], ...]
    worse: str | None = None


@dataclass(frozen=True)
class UntoldWords:
    """Words of a question on one concept whose meaning no fact keeps: each with what it tells, place, kind ..."""

    pattern: re.Pattern[str] = field(repr=False)
    tells: Mapping[str, tuple[str, ...]]  # in lower case


@dataclass(frozen=True)
class Lexicon:
    """All rules, by word. Frozen; made once."""

    words: dict[str, tuple[Sense, ...]] = field(repr=False)
    query_words: dict[str, tuple[Sense, ...]] = field(repr=False)  # those of a query besides
    lengths: dict[str, tuple[int, ...]] = field(repr=False)  # a word's first two characters -> lengths, longest first
    compounds: dict[tuple[str, str], Finding] = field(repr=False)  # (structure, attribute or quality) -> finding
    findings: dict[str, Finding] = field(repr=False)  # concept -> its first rule
    measures: dict[str, Measure] = field(repr=False)
    labels: dict[str, str] = field(repr=False)
    examples: tuple[Example, ...] = field(repr=False)
    # an abbreviation of two meanings: word, concept that it is read as, that in words, what else it may mean
    ambiguous: tuple[tuple[str, str, str, str], ...] = field(default=(), repr=False)
    untold: Mapping[str, UntoldWords] = field(default_factory=dict, repr=False)  # by concept
    untold_examples: tuple[Example, ...] = field(default=(), repr=False)
    version: str = ""
