"""Whether a report's facts state a finding or deny it: the labels by which probabilities are calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from echosearch.db.questions.fact_conditions import BROADER, NARROWER
from echosearch.report.facts import Fact
from echosearch.search.arms.prompts import MILD

__all__ = ["told_by"]


def told_by(facts: Sequence[Fact], concept: str) -> bool | None:
    """Return whether a report's facts state a finding, mild or more, or deny it; None if they are silent.

    As the search labels the studies that it calibrates by (search/arms/scale.py), there in SQL.
    """
    present = [fact for fact in facts if fact.polarity == "present" and fact.concept in _with(concept, NARROWER)]
    if any(fact.severity is not None and fact.severity[0] >= MILD for fact in present):
        return True
    none = [fact for fact in facts if fact.concept in _with(concept, BROADER)]
    if any(fact.polarity in ("absent", "not_significant") for fact in none):
        return False
    if any(fact.severity is not None and fact.severity[1] < MILD for fact in present):
        return False
    return True if present else None


def _with(concept: str, also: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return (concept, *also.get(concept, ()))
