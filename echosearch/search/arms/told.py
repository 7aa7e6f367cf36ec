"""Whether a report's facts state a finding: the labels by which probabilities are calibrated."""

from __future__ import annotations

from collections.abc import Sequence

from echosearch.db.questions.fact_conditions import perhaps_of
from echosearch.db.questions.facts_about import affirms, denies, related
from echosearch.report.facts import Fact
from echosearch.report.facts.walls import concept_names
from echosearch.search.arms.prompts import MILD

__all__ = ["is_silent", "stated_by", "told_by"]


def told_by(facts: Sequence[Fact], concept: str) -> bool | None:
    """Return whether a report's facts state a finding, mild or more, or deny it; None if they are silent."""
    present = [fact for fact in facts if affirms(fact, concept)]
    if any(fact.severity is not None and fact.severity[0] >= MILD for fact in present):
        return True
    if any(denies(fact, concept) for fact in facts):
        return False
    if any(fact.severity is not None and fact.severity[1] < MILD for fact in present):
        return False
    return True if present else None


def stated_by(facts: Sequence[Fact], concept: str) -> bool | None:
    """Return whether a report states a finding, mild or more. None if there is no report, or it is not sure.

    A report that does not mention the finding does not state it. Such reports are no random ones: that of a
    prosthesis speaks of no aortic stenosis, and its video looks like one. The search calibrates by the same labels
    (search/arms/scale.py), there in SQL.
    """
    told = told_by(facts, concept)
    if told is not None or not facts:
        return told
    return False if is_silent(facts, concept) else None


def is_silent(facts: Sequence[Fact], concept: str) -> bool:
    """Return whether a report says nothing of a finding, nor of one that states or denies it too."""
    family = related(concept).union(perhaps_of(concept))
    return not any(family.intersection(concept_names(fact.concept, fact.walls)) for fact in facts)
