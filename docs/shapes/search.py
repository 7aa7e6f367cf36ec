"""Searches: `echosearch query`, `similar`, `report`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from echosearch.db.questions.fact_conditions import Verdict
from echosearch.encoder_info import EncoderInfo
from echosearch.report.facts import Fact
from echosearch.search.results import ReadValue
from shapes.base import CLOSED, OPTIONAL, Commands, Cosine, Key, Measurement, Probability
from shapes.understanding import Understood

__all__ = ["COMMANDS", "Query"]


class _Hit(BaseModel):
    model_config = CLOSED
    rank: Annotated[int, Field(ge=1)]
    study: Annotated[Key, Field(description="pseudonymous key")]
    score: Cosine
    date: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}$", description="month of the study")]
    age: Annotated[int | None, Field(ge=0, le=90, description="years at the study; 90 means 90 and over")]
    sex: str | None
    patient: Annotated[Key, Field(description="pseudonymous key")]
    # with --identified
    study_uid: str = OPTIONAL
    accession_number: str = OPTIONAL
    patient_id: str = OPTIONAL
    study_date: str | None = OPTIONAL


class VideoHit(_Hit):
    video: Annotated[Key | None, Field(description="the study's best video")]
    video_score: Annotated[Cosine | None, Field(description="that video's own cosine")]
    view: str | None
    view_prob: Probability | None
    mode: str | None
    device: str | None


class FoundPlace(BaseModel):
    model_config = CLOSED
    word: Annotated[str, Field(description="as the query has it")]
    start: Annotated[int, Field(ge=0, description="in the report's text")]
    end: int


class FoundWords(BaseModel):
    """What a study's report has of the words that were asked for."""

    model_config = CLOSED
    score: Probability
    places: list[FoundPlace]


class Why(BaseModel):
    """What each arm says of a study."""

    model_config = CLOSED
    verdict: Annotated[Verdict, Field(description="what its report says of the question")]
    facts: Annotated[list[Fact], Field(description="of its report; start and end are places in its text")]
    video_fits: Annotated[list[Probability], Field(description="of each condition that videos were asked for")]
    measurements: Annotated[list[Measurement], Field(description="of its structured reports, about what was asked")]
    disagree: Annotated[bool, Field(description="whether its report and its measurements do")]
    words: Annotated[FoundWords | None, Field(description="null if no words were asked for")]


class QueryHit(VideoHit):
    why: Why = OPTIONAL  # where a condition on facts was understood


class ReportHit(_Hit):
    report: Annotated[Key, Field(description="pseudonymous key")]
    same_study: Annotated[bool, Field(description="the report is the study's own")]
    report_text: str | None = OPTIONAL


class Query(BaseModel):
    """What was asked: a text, a study's key, or a file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})
    report: str = OPTIONAL
    study: Key = OPTIONAL
    file: str = OPTIONAL


class Example(BaseModel):
    """A study's key, or a file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})
    study: Key = OPTIONAL
    file: str = OPTIONAL


class SimilarQuery(BaseModel):
    """What was asked: a study's key or a file, more examples, and what is asked in words."""

    model_config = CLOSED
    study: Key = OPTIONAL
    file: str = OPTIONAL
    words: Annotated[str, Field(alias="and")] = OPTIONAL
    like: list[Example] = OPTIONAL
    unlike: list[Example] = OPTIONAL


UNDERSTOOD: dict[str, Any] = {
    "understood": (Understood, OPTIONAL),
    "total": (int | None, OPTIONAL),
    "strong": (int | None, OPTIONAL),
    "belief": (Literal["probability", "percentile", "words"] | None, OPTIONAL),
    "read_values": (list[ReadValue], OPTIONAL),
}


def _search(name: str, hit: type[_Hit], query: type[BaseModel] = Query, **more: Any) -> type[BaseModel]:
    shape: dict[str, Any] = {
        "hits": (list[hit], ...),  # type: ignore[valid-type]
        "encoder": (EncoderInfo, ...),
        "query": (query, ...),
        "warnings": (list[str], ...),
    }
    return create_model(name, __config__=CLOSED, **shape, **more)


COMMANDS: Commands = {
    "query": ("echosearch query --json", _search("query", QueryHit, **UNDERSTOOD)),
    "similar": ("echosearch similar --json", _search("similar", QueryHit, SimilarQuery, **UNDERSTOOD)),
    "report": ("echosearch report --json", _search("report", ReportHit)),
}
