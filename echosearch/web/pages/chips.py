"""A search as chips: each condition can be taken away or changed, and what is left is asked again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from echosearch.errors import InputError
from echosearch.filters import And
from echosearch.report.facts import FindingCondition, Lexicon, polarity_word, severity_words, understood_parts
from echosearch.search.filter_parser import parse_where
from echosearch.search.question import Question, read_question
from echosearch.unicode import as_typed
from echosearch.web.language.english import english_parts, in_english

__all__ = ["Chip", "add_condition", "chips_of", "conditions", "recomposed", "without_condition"]

BETWEEN = "、"
GRADES: tuple[tuple[int, int], ...] = ((1, 4), (2, 4), (3, 4), (4, 4))


@dataclass(frozen=True)
class Chip:
    """A condition in words, which read as a query of its own, and what it can be changed to."""

    words: str
    kind: Literal["rule", "word"]  # understood by a rule, or searched as a word of reports
    others: tuple[tuple[str, str], ...] = ()  # (words, as they are shown)
    shown: str = ""  # in the language of the page


def chips_of(text: str, lexicon: Lexicon, language: str = "ja") -> tuple[tuple[Chip, ...], bool]:
    """Return the chips of a query, and whether the chips joined are understood as the query was.

    If they are not, a chip cannot be changed alone, and the query is changed as it was typed.
    """
    try:
        question = read_question(text, lexicon)
    except InputError:
        return (), False
    parts = understood_parts(question.understanding, lexicon)
    shown = english_parts(question.understanding, lexicon) if language == "en" else parts
    chips = [
        Chip(words, "rule", _others(words, place, question, lexicon, language), shown[place])
        for place, words in enumerate(parts)
    ]
    chips += [Chip(str(term), "word", (), str(term)) for term in question.asks_words.terms]
    joined = BETWEEN.join(chip.words for chip in chips)
    return tuple(chips), bool(chips) and _same(question, joined, lexicon)


def _same(question: Question, joined: str, lexicon: Lexicon) -> bool:
    try:
        again = read_question(joined, lexicon)
    except InputError:
        return False
    return (again.required, again.excluded, again.where, set(again.asks_words.terms)) == (
        question.required,
        question.excluded,
        question.where,
        set(question.asks_words.terms),
    )


def _others(words: str, place: int, question: Question, lexicon: Lexicon, language: str) -> tuple[tuple[str, str], ...]:
    """Other grades of a finding, and its opposite."""
    required = question.understanding.required
    condition = required[place] if place < len(required) else None
    if not isinstance(condition, FindingCondition):
        return ()
    label = lexicon.labels.get(condition.concept, condition.concept)
    graded = [replace(condition, polarity="present", severity=grade) for grade in GRADES] if condition.severity else []
    ends = [replace(condition, polarity=polarity, severity=None) for polarity in ("present", "absent")]
    made = [(f"{label} {severity_words(one.severity)}", one) for one in graded]
    made += [(f"{label} {polarity_word(one.polarity)}", one) for one in ends]
    return tuple((said, in_english(one, lexicon) if language == "en" else said) for said, one in made if said != words)


def recomposed(chips: Sequence[Chip], place: int, words: str) -> str:
    """Return the query with one chip replaced by ``words``; without it if they are empty."""
    kept = [words if number == place else chip.words for number, chip in enumerate(chips)]
    return BETWEEN.join(one.strip() for one in kept if one.strip())


# --- conditions of --where --------------------------------------------------------------------------------------

_STEP = re.compile(r"""("[^"]*"|'[^']*')|([()])|\band\b""", re.IGNORECASE)


def conditions(where: str) -> list[str]:
    """Split a condition into the parts that must all be met, as they were typed. Raises WhereError."""
    if not where.strip():
        return []
    tree, text = parse_where(where), as_typed(where).strip()
    if not isinstance(tree, And):
        return [text]
    parts, begin, depth = [], 0, 0
    for match in _STEP.finditer(text):
        if match[2]:
            depth += 1 if match[2] == "(" else -1
        elif not match[1] and depth == 0:
            parts.append(text[begin : match.start()].strip())
            begin = match.end()
    return [*parts, text[begin:].strip()]


def add_condition(where: str, more: Sequence[str]) -> str:
    """Return a condition with others that must be met too. Raises WhereError."""
    parts = [*conditions(where), *(one for one in more if one)]
    return " and ".join(f"({one})" if len(parts) > 1 and _is_either(one) else one for one in parts)


def without_condition(where: str, place: int) -> str:
    """Return a condition without one of its parts. Raises WhereError."""
    return add_condition("", [one for number, one in enumerate(conditions(where)) if number != place])


def _is_either(part: str) -> bool:
    return re.search(r"\bor\b", re.sub(r"""\([^()]*\)|"[^"]*"|'[^']*'""", "", part), re.IGNORECASE) is not None
