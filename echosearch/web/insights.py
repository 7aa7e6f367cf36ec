"""Interpretations and disagreements as far as the caller may see them; the API and the pages show both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from echosearch.db.cohorts.reviews import Answer, own_answers
from echosearch.insight.disagree import Against, Disagreement, Disagreements, check_comparable
from echosearch.insight.interpret import Interpretation, interpret
from echosearch.insight.verdicts import record_verdict, verdict_topic
from echosearch.report.facts import load_lexicon
from echosearch.search.changes.asked import named_concept
from echosearch.web.problems import Problem
from echosearch.web.rights import Caller
from echosearch.web.searching import seen_studies
from echosearch.web.studies import study_seen

__all__ = ["ShownDisagreements", "disagreements", "give_verdict", "interpretation"]

WAIT = 20.0  # seconds, for a list that was never made: all studies are read


@dataclass(frozen=True)
class ShownDisagreements:
    """A list of a moment ago, without studies that may no longer be shown; ``answers``: the caller's, by rank."""

    found: Disagreements
    answers: dict[int, Answer]
    as_of: datetime


def interpretation(caller: Caller, study: str, identify: bool = False) -> Interpretation:
    """Interpret a study that the caller may see, and write it to the audit.

    Raises Problem "unknown-study", "busy", "forbidden", "reason-needed".
    """
    seen = study_seen(caller, study)
    if identify:
        caller.check_identify()
    with caller.serving.interpreting():
        found = interpret(caller.archive, seen.study, names=identify)
    near = [one.study for one in found.neighbours]
    caller.record("interpret identified" if identify else "interpret", [seen.study, *near])
    return found


def disagreements(caller: Caller, finding: str | None, against: Against, most: int) -> ShownDisagreements:
    """Return the most surprising studies, and write them to the audit.

    Raises Problem "forbidden" for who sees a project alone, "busy" until the list is made; InputError.
    """
    if caller.archive.viewer.scope is not None:
        raise Problem("forbidden", "this looks at every study, and a project is a part of them")
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    concept = named_concept(finding, lexicon) if finding else None
    check_comparable(caller.archive, lexicon, concept, against)
    known = caller.serving.disagreements.get((concept, against), WAIT)
    if known is None:
        raise Problem("busy", "the list is being made", Retry_After="5")
    seen = seen_studies(caller, [one.study for one in known.value.disagreements])
    shown = [one for one in known.value.disagreements if one.study in seen][:most]
    caller.record("disagree", [one.study for one in shown])
    found = replace(known.value, disagreements=tuple(shown))
    return ShownDisagreements(found, _answers(caller, shown), known.as_of)


def give_verdict(caller: Caller, study: str, finding: str | None, answer: Answer, reason: str) -> None:
    """Record the caller's verdict as `echosearch disagree --record` does. Raises UnknownStudy, InputError."""
    reader = caller.who.viewer.name
    key = record_verdict(caller.archive, study, answer, reader, finding=finding or None, reason=reason)
    caller.record("disagree verdict", [key])


def _answers(caller: Caller, shown: list[Disagreement]) -> dict[int, Answer]:
    topics = {verdict_topic(one.concept) for one in shown}
    with caller.archive.engine.connect() as connection:
        given = own_answers(connection, topics, [one.study for one in shown], caller.who.viewer.name)
    asked = {one.rank: given.get((verdict_topic(one.concept), one.study)) for one in shown}
    return {rank: answer for rank, answer in asked.items() if answer is not None}
