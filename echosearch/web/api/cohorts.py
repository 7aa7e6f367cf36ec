"""Cohorts: saved criteria, what each step leaves, members, snapshots, reviews. Counts below 10 are not shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from echosearch.access.rights import Right
from echosearch.cohort.attrition import attrition_json, read_attrition, suppressed
from echosearch.cohort.definition import MOST_STUDIES, cohort_words, define
from echosearch.cohort.doubts import doubts_of
from echosearch.cohort.export import cohort_members
from echosearch.cohort.review import record, sample
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.snapshot import checked_snapshot, freeze
from echosearch.cohort.store import named_definition, parse_reference, save_definition
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.db import Connection
from echosearch.db.cohorts.definitions import read_definition, stored_cohorts
from echosearch.db.cohorts.plan import PerPatient
from echosearch.db.cohorts.reviews import Answer, ReviewRow
from echosearch.db.cohorts.rows import members_after
from echosearch.db.cohorts.snapshots import read_snapshot
from echosearch.report.facts import load_lexicon
from echosearch.web.address import API
from echosearch.web.problems import Problem, problem_responses
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import seen_studies
from echosearch.web.studies import may_identify

__all__ = ["LEAST", "Reference", "open_moment", "router"]

router = APIRouter(prefix=f"{API}/cohorts", tags=["cohorts"])
LEAST = 10  # patients, studies or videos of a count that is shown
PROBLEMS = problem_responses("not-found", "input", "condition", "empty-archive", "encoder", "busy", "store")
Member = Annotated[Caller, needs(Right.COHORT)]
Reviewer = Annotated[Caller, needs(Right.REVIEW)]
Reference = Annotated[str, Path(pattern=r"^\w[\w.-]{0,63}(@[1-9]\d{0,4})?$", description="NAME, or NAME@N when frozen")]
Name = Annotated[str, Path(pattern=r"^\w[\w.-]{0,63}$")]


class NewCohort(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(pattern=r"^\w[\w.-]{0,63}$")]
    text: Annotated[str, Field(max_length=2000, description="what its studies state, as a query")] = ""
    studies: Annotated[list[UUID], Field(max_length=MOST_STUDIES, description="keys that members are among")] = []
    where: Annotated[str, Field(max_length=512)] = ""
    per_patient: PerPatient = "all"
    replace: bool = False


class Verdict(BaseModel):
    """What the caller says of a member."""

    model_config = ConfigDict(extra="forbid")
    study: UUID
    answer: Answer
    reason: Annotated[str, Field(max_length=500)] = ""


class CohortShape(BaseModel):
    name: str
    words: str
    definition: str | None
    snapshots: list[int]


class CohortList(BaseModel):
    cohorts: list[CohortShape]


class Steps(BaseModel):
    """Patients, studies and videos that each step leaves; null: below 10."""

    cohort: str
    steps: list[dict[str, Any]]
    notes: list[str]


class Frozen(BaseModel):
    cohort: str
    digest: str
    members: int | None


class MemberShape(BaseModel):
    study: str
    patient: str
    date: str | None
    age: int | None
    sex: str | None
    probability: float | None


class Members(BaseModel):
    members: list[MemberShape]
    next: str | None


class DrawnMembers(BaseModel):
    """Members that the caller has not reviewed."""

    studies: list[str]
    question: str


class Recorded(BaseModel):
    recorded: int


@router.get("", response_model=CohortList, responses=PROBLEMS)
def list_cohorts(caller: Member) -> JSONResponse:
    """Return every cohort, with its definition and the numbers of its snapshots.

    A definition that lists studies is null for who sees a project alone: some may be of another.
    """
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    with reading(caller.archive) as connection:
        found = stored_cohorts(connection)
    shown = []
    for one in found:
        read = from_toml(one.definition, one.name) if one.definition else None
        hidden = read is not None and read.studies and caller.archive.viewer.scope is not None
        shown.append(
            {
                "name": one.name,
                "words": cohort_words(read, lexicon) if read else "",
                "definition": None if hidden else one.definition,
                "snapshots": list(one.snapshots),
            }
        )
    caller.record("cohorts")
    return JSONResponse({"cohorts": shown})


@router.post(
    "", status_code=201, response_model=CohortShape, responses=PROBLEMS | problem_responses("exists", "unknown-study")
)
def define_cohort(caller: Member, asked: NewCohort) -> JSONResponse:
    """Save criteria under a name."""
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    keys = sorted(map(str, set(asked.studies)))
    if hidden := len(keys) - len(seen_studies(caller, keys)):
        raise Problem("unknown-study", f"{hidden} of the studies are not here, or not for you")
    made = define(asked.name, asked.text, lexicon, where=asked.where, per_patient=asked.per_patient, studies=keys)
    with reading(caller.archive) as connection:
        if not asked.replace and read_definition(connection, asked.name) is not None:
            raise Problem("exists", "replace: true writes over it")
        saved = save_definition(caller.archive, connection, made, asked.replace)
    caller.record("cohort define", keys, query=asked.text)
    body = {"name": saved.name, "words": cohort_words(saved, lexicon), "definition": to_toml(saved), "snapshots": []}
    return JSONResponse(body, 201)


@router.get("/{reference}/steps", response_model=Steps, responses=PROBLEMS)
def steps(caller: Member, reference: Reference) -> JSONResponse:
    """Return what each step of a cohort leaves, now or when it was frozen."""
    with open_moment(caller, reference) as connection:
        name, number = parse_reference(reference)
        if number is not None:
            if caller.archive.viewer.scope is not None:
                raise Problem("forbidden", "the counts of a snapshot are of the whole archive")
            frozen = checked_snapshot(connection, name, number)
            found = read_attrition(frozen.attrition)
            lexicon = load_lexicon(caller.archive.settings.lexicon)
            notes = doubts_of(from_toml(frozen.definition, reference), lexicon)
        else:
            run = run_definition(caller.archive, connection, named_definition(connection, name))
            found, notes = run.attrition, run.notes
    shown = attrition_json(suppressed(found, 0 if may_identify(caller) else LEAST))
    caller.record("cohort steps")
    return JSONResponse({"cohort": reference, "steps": shown, "notes": list(notes)})


@router.get("/{reference}/members", response_model=Members, responses=PROBLEMS)
def members(
    caller: Member,
    reference: Reference,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JSONResponse:
    """Return members in pages by study key; ``after`` is the last key of the page before."""
    with open_moment(caller, reference) as connection:
        _, query, _ = cohort_members(caller.archive, connection, reference)
        found = members_after(connection, query, None if after is None else str(after), limit)
    seen = seen_studies(caller, [one.study for one in found])
    shown = [
        {
            "study": one.study,
            "patient": one.patient,
            "date": None if one.month is None else f"{one.month // 100:04d}-{one.month % 100:02d}",
            "age": one.age,
            "sex": one.sex,
            "probability": one.probability,
        }
        for one in found
        if one.study in seen
    ]
    caller.record("cohort members", sorted(seen))
    return JSONResponse({"members": shown, "next": found[-1].study if len(found) == limit else None})


@router.post("/{name}/freeze", status_code=201, response_model=Frozen, responses=PROBLEMS)
def freeze_cohort(caller: Member, name: Name) -> JSONResponse:
    """Keep the members of now for good, with the SHA-256 of all that they follow from."""
    with open_moment(caller, name) as connection:
        made, _ = freeze(caller.archive, connection, name)
    caller.record("cohort freeze")
    shown = made.members if made.members == 0 or made.members >= LEAST or may_identify(caller) else None
    return JSONResponse({"cohort": made.reference, "digest": made.digest, "members": shown}, 201)


@router.get("/{reference}/sample", response_model=DrawnMembers, responses=PROBLEMS)
def draw_members(
    caller: Reviewer, reference: Reference, size: Annotated[int, Query(ge=1, le=200)] = 20
) -> JSONResponse:
    """Return members that the caller has not reviewed, in an order that is the same for every reader."""
    with open_moment(caller, reference) as connection:
        drawn = sample(caller.archive, connection, reference, caller.who.viewer.name, size)
    seen = seen_studies(caller, drawn.studies)
    caller.record("cohort sample", sorted(seen))
    return JSONResponse({"studies": [one for one in drawn.studies if one in seen], "question": drawn.question})


@router.post("/{reference}/reviews", status_code=201, response_model=Recorded, responses=PROBLEMS)
def review(caller: Reviewer, reference: Reference, verdict: Verdict) -> JSONResponse:
    """Record what the caller says of a member; answers are added, never changed."""
    row = ReviewRow(str(verdict.study), caller.who.viewer.name, verdict.answer, verdict.reason)
    with open_moment(caller, reference) as connection:
        count = record(caller.archive, connection, reference, [row])
    caller.record("cohort review", [str(verdict.study)])
    return JSONResponse({"recorded": count}, 201)


@contextmanager
def open_moment(caller: Caller, reference: str) -> Iterator[Connection]:
    """Open one moment of the archive, in a place for searches. Raises Problem "not-found", "busy"."""
    name, number = parse_reference(reference)
    with caller.serving.searching(), reading(caller.archive) as connection:
        known = read_definition(connection, name) if number is None else read_snapshot(connection, name, number)
        if known is None:
            raise Problem("not-found", "no such cohort")
        yield connection
