"""What videos and reports say together: interpretations, disagreements, and readers' verdicts on them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from echosearch.access.rights import Right
from echosearch.db.cohorts.reviews import Answer
from echosearch.db.studies.identified import identified as names_of
from echosearch.insight.as_json import disagreements_json, interpretation_json
from echosearch.insight.disagree import Against
from echosearch.search.results import MAX_TOP_K
from echosearch.web.address import API
from echosearch.web.insights import disagreements, give_verdict, interpretation
from echosearch.web.problems import problem_responses
from echosearch.web.rights import Caller, needs
from echosearch.web.studies import identifiers_json

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["insights"])
Reviewer = Annotated[Caller, needs(Right.REVIEW)]
PROBLEMS = problem_responses("unknown-study", "reason-needed", "empty-archive", "encoder", "busy", "store", "input")


class InterpretationShape(BaseModel):
    """As `echosearch interpret --json`: no diagnosis; ``draft`` is a machine's, to be corrected by a physician."""

    model_config = ConfigDict(extra="allow")
    notice: str
    query: dict[str, Any]
    findings: list[dict[str, Any]]
    values: list[dict[str, Any]]
    neighbours: list[dict[str, Any]]
    draft: str
    sampled: int
    encoder: dict[str, Any]
    warnings: list[str]


class DisagreementsShape(BaseModel):
    """As `echosearch disagree --json`, each with the caller's last ``answer``; of the moment ``as_of``."""

    disagreements: list[dict[str, Any]]
    against: Against
    compared: int
    surprising: int
    rates: list[dict[str, Any]]
    encoder: dict[str, Any]
    warnings: list[str]
    as_of: str


class GivenVerdict(BaseModel):
    """What the caller says of a disagreement: accept, the report is wrong; reject, it is right; unsure."""

    model_config = ConfigDict(extra="forbid")
    study: UUID
    answer: Answer
    finding: Annotated[str | None, Field(max_length=80, description="null: all that the report states")] = None
    reason: Annotated[str, Field(max_length=500)] = ""


class RecordedVerdicts(BaseModel):
    recorded: int


@router.get("/studies/{study}/interpretation", response_model=InterpretationShape, responses=PROBLEMS)
def read_interpretation(
    caller: Annotated[Caller, needs(Right.SEE)], study: UUID, identified: bool = False
) -> JSONResponse:
    """Read findings and values off a study's videos, as far as the archive's own reports calibrate them."""
    return JSONResponse(interpretation_json(interpretation(caller, str(study), identified)))


@router.get("/disagreements", response_model=DisagreementsShape, responses=PROBLEMS)
def list_disagreements(
    caller: Reviewer,
    finding: Annotated[str | None, Query(max_length=80)] = None,
    against: Against = "videos",
    limit: Annotated[int, Query(ge=1, le=MAX_TOP_K)] = 20,
    identified: bool = False,
) -> JSONResponse:
    """Return studies whose report says what videos, or structured reports, do not, the most surprising first."""
    if identified:
        caller.check_identify()
    shown = disagreements(caller, finding, against, limit)
    body = disagreements_json(shown.found)
    for one in body["disagreements"]:
        one["answer"] = shown.answers.get(one["rank"])
    if identified:
        keys = [one["study"] for one in body["disagreements"]]
        with caller.archive.engine.connect() as connection:
            names = names_of(connection, keys)
        body["disagreements"] = [one | identifiers_json(names.get(one["study"])) for one in body["disagreements"]]
        caller.record("disagree identified", keys)
    return JSONResponse(body | {"as_of": shown.as_of.isoformat(timespec="seconds")})


@router.post("/disagreements/verdicts", status_code=201, response_model=RecordedVerdicts, responses=PROBLEMS)
def record_disagreement(caller: Reviewer, verdict: GivenVerdict) -> JSONResponse:
    """Record what the caller says of a disagreement; verdicts are added, never changed."""
    give_verdict(caller, str(verdict.study), verdict.finding, verdict.answer, verdict.reason)
    return JSONResponse({"recorded": 1}, 201)
