"""What reports and structured reports say of a concept, in a few words: 中等度, なし, 55 %, SR 54 %."""

from __future__ import annotations

from echosearch.report.facts import Fact, polarity_word, severity_words, shown_severity, value_words
from echosearch.search.changes.scale import Told

__all__ = ["told_words"]


def told_words(told: Told) -> str | None:
    """Return what is said, what is inherited in brackets; None where nothing is said."""
    said = [_words(fact) for fact in told.facts]
    said += [f"SR {one.value:g} {one.unit or ''}".strip() for one in told.measurements]
    return "、".join(dict.fromkeys(said)) or None


def _words(fact: Fact) -> str:
    if fact.value is not None:
        words = value_words(fact)
        return words if fact.polarity == "present" else f"{polarity_word(fact.polarity)} {words}"
    graded = severity_words(shown_severity(fact))
    words = graded if fact.polarity == "present" and graded else f"{graded}{polarity_word(fact.polarity)}"
    return f"({words})" if fact.inherited else words
