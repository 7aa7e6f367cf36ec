"""What --json prints, as JSON Schema (2020-12): most of it from the dataclasses that are printed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from echosearch.db.files.contradictions import Contradictions
from echosearch.db.files.status import ArchiveCounts, FileStatus
from echosearch.db.lookup import IndexedCounts
from echosearch.db.studies.fact_conditions import Verdict
from echosearch.db.upkeep.comparison import Differences
from echosearch.db.vectors.generation import GenerationCount
from echosearch.encoder_info import EncoderInfo
from echosearch.report.facts import Fact
from echosearch.report.facts.query.demographic import Demographic
from echosearch.report.facts.query.understand import FindingCondition, ValueCondition
from ingest.options import IngestSummary
from ingest.recall import Recall
from ingest.reembed import ReembedSummary
from ingest.verify import Rebuilt, VerifyReport

__all__ = ["SCHEMAS", "schema_of"]

CLOSED = ConfigDict(extra="forbid")
Key = Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
OPTIONAL: Any = "(absent)"  # as a default: the key may be absent


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


class Measurement(BaseModel):
    """A value of a DICOM structured report."""

    model_config = CLOSED
    concept: str
    value: float
    unit: str | None
    source: Literal["sr"]


class Why(BaseModel):
    """What each arm says of a study."""

    model_config = CLOSED
    verdict: Annotated[Verdict, Field(description="what its report says of the question")]
    facts: Annotated[list[Fact], Field(description="of its report; start and end are places in its text")]
    video_fits: Annotated[list[Probability], Field(description="of each condition that videos were asked for")]
    measurements: Annotated[list[Measurement], Field(description="of its structured reports, about what was asked")]
    disagree: Annotated[bool, Field(description="whether its report and its measurements do")]


class QueryHit(VideoHit):
    why: Why = OPTIONAL  # not with --as-typed


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


def _search(name: str, hit: type[_Hit], **more: Any) -> type[BaseModel]:
    shape: dict[str, Any] = {
        "hits": (list[hit], ...),  # type: ignore[valid-type]
        "encoder": (EncoderInfo, ...),
        "query": (Query, ...),
        "warnings": (list[str], ...),
    }
    return create_model(name, __config__=CLOSED, **shape, **more)


def _of(name: str, *parts: type, but: tuple[str, ...] = (), **more: Any) -> type[BaseModel]:
    """One object with the fields of several dataclasses, and more."""
    shape: dict[str, Any] = {}
    for part in parts:
        assert is_dataclass(part)
        hints = get_type_hints(part)
        shape |= {field.name: (hints[field.name], ...) for field in fields(part) if field.name not in but}
    shape |= {key: (kind, ...) for key, kind in more.items()}
    return create_model(name, __config__=CLOSED, **shape)


class UnmatchedReport(BaseModel):
    model_config = CLOSED
    report: Key
    problem: str
    study_uid: str | None = OPTIONAL
    accession_number: str | None = OPTIONAL
    patient_id: str | None = OPTIONAL
    study_date: str | None = OPTIONAL


class DryFile(BaseModel):
    model_config = CLOSED
    path: str
    taken_for: str


class AnyOf(BaseModel):
    """Conditions of which one is enough."""

    model_config = CLOSED
    any: list[FindingCondition | ValueCondition]


class Understood(BaseModel):
    model_config = CLOSED
    required: list[FindingCondition | ValueCondition | AnyOf]
    excluded: list[FindingCondition]
    values: list[ValueCondition]
    demographics: list[Demographic]
    rest: Annotated[str, Field(description="what no rule understands")]


_COLLECTION = _of("Collection", Differences, but=("foreign_ids",), strangers=tuple[str, ...])


class Verified(_of("verify", VerifyReport, but=("collections",), clean=bool, differences=int)):  # type: ignore[misc]
    collections: list[_COLLECTION]  # type: ignore[valid-type]
    recall: list[Recall] = OPTIONAL  # with --recall


# the name of a schema -> (the command that prints it, its shape)
SCHEMAS: dict[str, tuple[str, type]] = {
    "query": (
        "echosearch query --json",
        _search(
            "query",
            QueryHit,
            understood=(Understood, OPTIONAL),
            total=(int | None, OPTIONAL),
            strong=(int | None, OPTIONAL),
            belief=(Literal["probability", "percentile"] | None, OPTIONAL),
        ),
    ),
    "similar": ("echosearch similar --json", _search("similar", VideoHit)),
    "report": ("echosearch report --json", _search("report", ReportHit)),
    "facts": ("echosearch facts --json", create_model("facts", __config__=CLOSED, facts=(list[Fact], ...))),
    "understand": ("echosearch understand --json", Understood),
    "ingest": ("echosearch ingest --json", IngestSummary),
    "ingest-dry-run": (
        "echosearch ingest --dry-run --json",
        create_model("dry_run", __config__=CLOSED, files=(list[DryFile], ...), counts=(dict[str, int], ...)),
    ),
    "reembed": ("echosearch reembed --json", ReembedSummary),
    "status": (
        "echosearch status --json",
        _of(
            "status",
            ArchiveCounts,
            IndexedCounts,
            encoder=EncoderInfo | None,
            cut_reports=int,
            quarantined_reports=int,
            contradictions=Contradictions,
            worker_protections=list[str],
            other_encoders=list[GenerationCount],
        ),
    ),
    "status-why": (
        "echosearch status --why FILE --json",
        _of("why", FileStatus, path=str, meaning=str | None),
    ),
    "status-unmatched": (
        "echosearch status --unmatched --json",
        create_model("unmatched", __config__=CLOSED, reports=(list[UnmatchedReport], ...)),
    ),
    "verify": (
        "echosearch verify --json",
        Verified,
    ),
    "index-rebuild": ("echosearch index rebuild --json", Rebuilt),
    "index-drop": (
        "echosearch index drop --json",
        create_model("drop", __config__=CLOSED, encoder=(EncoderInfo, ...), videos=(int, ...)),
    ),
}


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of what a command prints: every object closed, every key that is always there required."""
    command, shape = SCHEMAS[name]
    schema = TypeAdapter(shape).json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("title", None)
        optional = {key for key, value in part.get("properties", {}).items() if value.get("default") == OPTIONAL}
        for value in part.get("properties", {}).values():
            value.pop("title", None)
            value.pop("default", None)  # of a dataclass, which is printed with all its fields
        if "properties" in part:
            part["required"] = [key for key in part["properties"] if key not in optional]
            part["additionalProperties"] = False
    schema.pop("description", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": command,
        "description": f"What `{command}` prints. Keys may be added in a later version; none is renamed or removed.",
        **schema,
    }
