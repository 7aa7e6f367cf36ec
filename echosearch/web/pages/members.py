"""The studies of a cohort as its page lists them, and what changed between two states of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from echosearch.access.rights import Right
from echosearch.cohort.definition import Definition, conditions_of, flat
from echosearch.cohort.review import topic_of
from echosearch.cohort.snapshot import SHOWN, difference
from echosearch.cohort.store import parse_reference
from echosearch.db import Connection
from echosearch.db.cohorts.reviews import own_answers
from echosearch.db.cohorts.rows import ListedMember, members_after
from echosearch.db.cohorts.snapshots import read_snapshot
from echosearch.db.questions.facts_about import is_about
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.identified import report_texts
from echosearch.report.facts import Fact, load_lexicon
from echosearch.web.api.cohorts import LEAST, Reference, open_moment
from echosearch.web.pages.cards import ToldWords, facts_in_words
from echosearch.web.pages.study import month_words
from echosearch.web.problems import Problem
from echosearch.web.rendering import page
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import seen_studies
from echosearch.web.studies import may_identify, study_seen

__all__ = ["MEMBERS", "MemberPage", "member_page", "router"]

router = APIRouter(include_in_schema=False)
MEMBERS = 20  # of a page
_ENDS = "。\n"  # of a sentence


@dataclass(frozen=True)
class ShownMember:
    """A member, and why it is one: facts of its report that the cohort asks for, or the probability by its videos."""

    row: ListedMember
    month: str | None
    told: list[ToldWords]
    sentences: list[str]  # of its report, for who may read it
    answer: str | None  # the caller's own verdict


@dataclass(frozen=True)
class MemberPage:
    """Members by study key. ``after``: the last key, None on the last page. ``hidden``: members that are gone."""

    members: list[ShownMember]
    after: str | None
    hidden: int


def member_page(
    caller: Caller,
    connection: Connection,
    definition: Definition,
    members: str,
    reference: str,
    after: str | None,
    language: str,
) -> MemberPage:
    """Return the next members (of a query, snapshots.py) that the caller may see; it writes them to the audit."""
    rows, last, hidden = _seen_after(caller, connection, members, after)
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    keys = [one.study for one in rows]
    asked = {one.concept for each in conditions_of(definition) for one in flat(each)}
    named = may_identify(caller)
    topic, facts = topic_of(reference), facts_of(connection, keys)
    answers = own_answers(connection, [topic], keys, caller.who.viewer.name)
    shown = []
    for one in rows:
        own = [fact for fact in facts.get(one.study, []) if any(is_about(fact, concept) for concept in asked)]
        sentences = _sentences(caller, connection, one.study, own) if named else []
        told = facts_in_words(own, lexicon, language)
        shown.append(ShownMember(one, month_words(one.month), told, sentences, answers.get((topic, one.study))))
    caller.record("cohort members identified" if named else "cohort members", keys)
    # who sees a part of the archive is not told how many members are outside it
    return MemberPage(shown, last, hidden if caller.archive.viewer.scope is None else 0)


def _seen_after(
    caller: Caller, connection: Connection, members: str, after: str | None
) -> tuple[list[ListedMember], str | None, int]:
    """A page of members that may be shown, the key to go on after, and how many between may not."""
    found: list[ListedMember] = []
    hidden = 0
    while True:
        rows = members_after(connection, members, after, MEMBERS + 1)
        seen = seen_studies(caller, [one.study for one in rows])
        for one in rows:
            if one.study not in seen:
                hidden += 1
            elif len(found) == MEMBERS:
                return found, found[-1].study, hidden
            else:
                found.append(one)
        if len(rows) <= MEMBERS:
            return found, None, hidden
        after = rows[-1].study


def _sentences(caller: Caller, connection: Connection, study: str, facts: Sequence[Fact]) -> list[str]:
    """The sentences of a report that state these facts, as they stand; what is inherited stands in another report."""
    report = study_seen(caller, study).report
    text = report_texts(connection, [report]).get(report) if report else None
    if text is None:
        return []
    places = sorted((one.start, one.end) for one in facts if not one.inherited and one.start < one.end <= len(text))
    return list(dict.fromkeys(_sentence_at(text, *place) for place in places))


def _sentence_at(text: str, start: int, end: int) -> str:
    begin = max(text.rfind(mark, 0, start) for mark in _ENDS) + 1
    ends = [place for mark in _ENDS if (place := text.find(mark, end)) >= 0]
    return text[begin : min(ends) + 1 if ends else len(text)].strip()


@router.get("/cohorts/{reference}/changes")
def show_changes(
    request: Request,
    caller: Annotated[Caller, needs(Right.COHORT)],
    reference: Reference,
    since: Annotated[int, Query(ge=1, le=99_999)],
) -> Response:
    """Return who entered and who left between the snapshot ``since`` and a cohort now, or another snapshot of it."""
    if caller.archive.viewer.scope is not None:
        raise Problem("forbidden", "the counts of a snapshot are of the whole archive")
    name, _ = parse_reference(reference)
    with open_moment(caller, reference) as connection:
        if read_snapshot(connection, name, since) is None:
            raise Problem("not-found", "no such cohort")
        found = difference(caller.archive, connection, f"{name}@{since}", reference)
    seen = seen_studies(caller, [one.study for one in found.changes])
    caller.record("cohort diff", [one.study for one in found.changes])
    below = 0 if may_identify(caller) else LEAST
    return page(
        request,
        "changes.html",
        caller,
        found=found,
        seen=seen,
        below=below,
        entered=_tally(found.entered, below),
        left=_tally(found.left, below),
        stayed=_tally(found.stayed, below),
        causes=[
            (change, cause, _tally(number, below))
            for change, counts in found.causes.items()
            for cause, number in counts.items()
        ],
        more=max(found.entered + found.left - SHOWN, 0),
    )


def _tally(number: int, below: int) -> int | None:
    return None if 0 < number < below else number
