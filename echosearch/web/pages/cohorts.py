"""The pages of cohorts: defined, counted, frozen, and reviewed by keys."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from echosearch.access.rights import Right
from echosearch.cohort.attrition import read_attrition, suppressed
from echosearch.cohort.definition import cohort_words, define
from echosearch.cohort.doubts import doubts_of
from echosearch.cohort.review import record, review_report, sample
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.snapshot import checked_snapshot, freeze
from echosearch.cohort.store import named_definition, parse_reference, save_definition
from echosearch.cohort.toml import from_toml
from echosearch.db import Connection
from echosearch.db.cohorts.definitions import stored_cohorts
from echosearch.db.cohorts.plan import PerPatient
from echosearch.db.cohorts.reviews import Answer, ReviewRow
from echosearch.db.cohorts.snapshots import frozen_members, run_members
from echosearch.db.studies.shown import shown_videos
from echosearch.errors import EmptyArchive, InputError
from echosearch.report.facts import load_lexicon
from echosearch.web.api.cohorts import LEAST, Reference, open_moment
from echosearch.web.pages.cards import facts_in_words
from echosearch.web.pages.members import member_page
from echosearch.web.problems import problem_of
from echosearch.web.rendering import page, settings_of
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import seen_studies
from echosearch.web.studies import encoder_of, may_identify

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Counter = Annotated[Caller, needs(Right.COHORT)]
Reader = Annotated[Caller, needs(Right.REVIEW)]
SAMPLED = 50  # members that are drawn to find one that the reader may see


@router.get("/cohorts")
def list_cohorts(request: Request, caller: Counter) -> Response:
    """Return every cohort, and the form for another."""
    return _list(request, caller)


@router.post("/cohorts")
def define_cohort(
    request: Request,
    caller: Counter,
    name: Annotated[str, Form(max_length=64)],
    text: Annotated[str, Form(max_length=2000)],
    where: Annotated[str, Form(max_length=512)] = "",
    per_patient: Annotated[PerPatient, Form()] = "all",
) -> Response:
    """Save a definition; every word of it must be understood."""
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    try:
        with reading(caller.archive) as connection:
            made = define(name, text, lexicon, where=where, per_patient=per_patient)
            save_definition(caller.archive, connection, made)
    except (InputError, EmptyArchive) as exc:
        caller.record("cohort define", outcome="refused")
        return _list(request, caller, problem_of(exc), name=name, text=text, where=where, per_patient=per_patient)
    caller.record("cohort define", query=text)
    return RedirectResponse(f"/cohorts/{name}", 303)


@router.get("/cohorts/{reference}")
def show_cohort(request: Request, caller: Counter, reference: Reference, after: UUID | None = None) -> Response:
    """Return a cohort, or a snapshot of it: what each step leaves, its studies, and what readers said.

    ``after``: the last study of the page before.
    """
    below = 0 if may_identify(caller) else LEAST
    name, number = parse_reference(reference)
    with open_moment(caller, reference) as connection:
        frozen = None if number is None else checked_snapshot(connection, name, number)
        lexicon = load_lexicon(caller.archive.settings.lexicon)
        if frozen is None:
            run = run_definition(caller.archive, connection, named_definition(connection, name))
            steps, notes = run.attrition, run.notes
            definition, query = run.definition, run_members(run.steps, run.prefix)
        else:
            whole = caller.archive.viewer.scope is None  # as the counts of a snapshot are
            steps = read_attrition(frozen.attrition) if whole else ()
            definition, query = from_toml(frozen.definition, reference), frozen_members(frozen.id)
            notes = doubts_of(definition, lexicon)
        words = cohort_words(definition, lexicon)
        reviewed = review_report(connection, reference)
        snapshots = next((one.snapshots for one in stored_cohorts(connection) if one.name == name), ())
        language = settings_of(request).language
        key = None if after is None else str(after)
        listed = member_page(caller, connection, definition, query, reference, key, language)
    caller.record("cohort steps")
    return page(
        request,
        "cohort.html",
        caller,
        reference=reference,
        frozen=frozen,
        words=words,
        notes=notes,
        steps=suppressed(steps, below) if steps else (),
        below=below,
        reviewed=reviewed,
        listed=listed,
        after=after,
        name=name,
        number=number,
        snapshots=snapshots if caller.archive.viewer.scope is None else (),
    )


@router.post("/cohorts/{reference}/freeze")
def freeze_cohort(caller: Counter, reference: Reference) -> Response:
    """Keep its members of now for good."""
    with open_moment(caller, reference) as connection:
        made, _ = freeze(caller.archive, connection, parse_reference(reference)[0])
    caller.record("cohort freeze")
    return RedirectResponse(f"/cohorts/{made.reference}", 303)


@router.get("/cohorts/{reference}/review")
def review_cohort(request: Request, caller: Reader, reference: Reference) -> Response:
    """Return the next member that the reader may see and has not answered."""
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    with open_moment(caller, reference) as connection:
        drawn = sample(caller.archive, connection, reference, caller.who.viewer.name, SAMPLED)
        seen = seen_studies(caller, drawn.studies)
        study = next((one for one in drawn.studies if one in seen), None)
        videos = shown_videos(connection, encoder_of(caller), study) if study is not None else []
        words = _words(caller, connection, reference)
    caller.record("cohort sample", [study] if study is not None else [])
    return page(
        request,
        "review.html",
        caller,
        reference=reference,
        words=words,
        study=study,
        of_none=drawn.of_none,
        videos=videos,
        facts=facts_in_words(drawn.facts.get(study or "", []), lexicon, settings_of(request).language),
    )


@router.post("/cohorts/{reference}/review")
def post_verdict(
    caller: Reader,
    reference: Reference,
    study: Annotated[UUID, Form()],
    answer: Annotated[Answer, Form()],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Record an answer, and go to the next member."""
    row = ReviewRow(str(study), caller.who.viewer.name, answer, reason)
    with open_moment(caller, reference) as connection:
        record(caller.archive, connection, reference, [row])
    caller.record("cohort review", [str(study)])
    return RedirectResponse(f"/cohorts/{reference}/review", 303)


def _list(request: Request, caller: Caller, problem: object = None, **given: str) -> Response:
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    with reading(caller.archive) as connection:
        found = stored_cohorts(connection)
    cohorts = [
        {
            "name": one.name,
            "snapshots": one.snapshots,
            "defined": one.definition is not None,
            "words": cohort_words(from_toml(one.definition, one.name), lexicon) if one.definition else "-",
        }
        for one in found
    ]
    if problem is None:
        caller.record("cohort list")
    empty = {"name": "", "text": "", "where": "", "per_patient": "all"}
    status = 200 if problem is None else 422
    return page(request, "cohorts.html", caller, status, cohorts=cohorts, problem=problem, given=empty | given)


def _words(caller: Caller, connection: Connection, reference: str) -> str:
    name, number = parse_reference(reference)
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    if number is not None:
        return cohort_words(from_toml(checked_snapshot(connection, name, number).definition, reference), lexicon)
    return cohort_words(named_definition(connection, name), lexicon)
