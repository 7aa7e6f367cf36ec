"""Whether a fact speaks of a finding that is asked for: what fact_conditions.py asks in SQL, of one fact at hand."""

from __future__ import annotations

from echosearch.db.questions.fact_conditions import BROADER, NARROWER, denials_of
from echosearch.report.facts import Fact
from echosearch.report.facts.walls import concept_names

__all__ = ["affirms", "denies", "is_about", "related"]

_NOT_THERE = ("absent", "not_significant")


def related(concept: str) -> frozenset[str]:
    """Return a concept with those that state or deny it."""
    return frozenset((concept, *NARROWER.get(concept, ()), *BROADER.get(concept, ())))


def affirms(fact: Fact, concept: str) -> bool:
    """Return whether a fact says that a finding, or a narrower one, is there."""
    return fact.polarity == "present" and _names(fact, concept, *NARROWER.get(concept, ()))


def denies(fact: Fact, concept: str) -> bool:
    """Return whether a fact says that a finding, or a broader one, is not there; that of one wall denies that alone."""
    return fact.polarity in _NOT_THERE and _names(fact, *denials_of(concept))


def is_about(fact: Fact, concept: str) -> bool:
    """Return whether a fact states or denies a finding, or says of it or a narrower one what does neither: a doubt."""
    if fact.polarity in _NOT_THERE:
        return denies(fact, concept)
    return _names(fact, concept, *NARROWER.get(concept, ()))


def _names(fact: Fact, *concepts: str) -> bool:
    return not frozenset(concepts).isdisjoint(concept_names(fact.concept, fact.walls))
