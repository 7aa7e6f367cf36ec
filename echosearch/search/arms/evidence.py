"""Why a study answers a question: what its report says, what was measured, and whether the two agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from echosearch.db.questions.fact_conditions import Verdict
from echosearch.db.questions.facts_about import related
from echosearch.outcome import MeasuredValue
from echosearch.report.facts import AnyOf, ChangeCondition, Fact, FindingCondition, ValueCondition
from echosearch.report.facts.walls import concept_names
from echosearch.search.question import Question
from echosearch.search.results import Why

__all__ = ["EF_POINTS", "SHARE", "asked_concepts", "explain"]

EF_POINTS = 10.0  # a report and a measurement of an EF that differ by more, of anything else by more than a share,
SHARE = 0.15  # disagree


def explain(
    question: Question,
    verdict: Verdict,
    facts: Sequence[Fact],
    measured: Sequence[MeasuredValue],
    fits: Sequence[float],
) -> Why:
    """Return the facts and measurements of a study that are about the question."""
    concepts = asked_concepts(question)
    facts = [fact for fact in facts if concepts.intersection(concept_names(fact.concept, fact.walls))]
    measured = [one for one in measured if one.concept in concepts]
    return Why(verdict, tuple(facts), tuple(fits), tuple(measured), _disagree(question, facts, measured))


def asked_concepts(question: Question) -> set[str]:
    """Return the concepts that a question is about, with those that state or deny them."""
    return {name for one in _conditions(question) for name in related(one.concept)}


def _conditions(question: Question) -> Iterator[FindingCondition | ValueCondition | ChangeCondition]:
    for condition in (*question.required, *question.excluded):
        yield from condition.conditions if isinstance(condition, AnyOf) else (condition,)


def _disagree(question: Question, facts: Sequence[Fact], measured: Sequence[MeasuredValue]) -> bool:
    """Whether report and measurement answer a condition differently, or have no values that are near each other."""
    for condition in _conditions(question):
        if not isinstance(condition, ValueCondition):
            continue
        written = [_ends(fact) for fact in facts if fact.concept == condition.concept and fact.polarity == "present"]
        said = [ends for ends in written if ends is not None]
        seen = [one.value for one in measured if one.concept == condition.concept]
        if not said or not seen:
            continue
        if any(_satisfies(condition, *ends) for ends in said) != any(_satisfies(condition, one, one) for one in seen):
            return True
        if not any(_are_near(condition.concept, ends, one) for ends in said for one in seen):
            return True
    return False


def _ends(fact: Fact) -> tuple[float, float] | None:
    if fact.value is None:
        return None
    return fact.value, fact.value if fact.value_hi is None else fact.value_hi


def _satisfies(condition: ValueCondition, low: float, high: float) -> bool:
    """As fact_conditions.py asks in SQL."""
    asked, end = condition.value, condition.value if condition.value_hi is None else condition.value_hi
    match condition.op:
        case "<":
            return high < asked
        case "<=":
            return high <= asked
        case ">":
            return low > asked
        case ">=":
            return low >= asked
        case "=":
            return low <= asked <= high
        case "!=":
            return not (low >= asked and high <= end)
        case _:
            return low >= asked and high <= end


def _are_near(concept: str, ends: tuple[float, float], measured: float) -> bool:
    gap = max(ends[0] - measured, measured - ends[1], 0.0)
    return gap <= (EF_POINTS if concept == "lvef" else SHARE * math.fabs(measured))
