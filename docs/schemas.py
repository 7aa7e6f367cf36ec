"""What --json prints, as JSON Schema (2020-12): most of it from the dataclasses that are printed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from echosearch.access.trail import AuditCheck
from echosearch.cohort.attrition import AttritionStep
from echosearch.cohort.definition import Made
from echosearch.cohort.export import Exported
from echosearch.cohort.match import Matched
from echosearch.cohort.review import ReviewReport
from echosearch.cohort.snapshot import Difference
from echosearch.contour.values import Biplane, Figure, FoundBeat, HeadInfo, NoFigure, Source
from echosearch.db.cohorts.snapshots import Versions
from echosearch.db.files.contradictions import Contradictions
from echosearch.db.files.jobs import OpenJob
from echosearch.db.files.runs import LastRun
from echosearch.db.files.status import ArchiveCounts, FileStatus
from echosearch.db.questions.fact_conditions import Verdict
from echosearch.db.upkeep.comparison import Differences
from echosearch.db.vectors.generation import GenerationCount, IndexedCounts
from echosearch.encoder_info import EncoderInfo
from echosearch.insight.disagree import Against
from echosearch.insight.intervals import Interval
from echosearch.insight.judge import Kind
from echosearch.insight.rates import Rate
from echosearch.insight.shortcuts import Shortcuts
from echosearch.preview.job import PreviewCounts
from echosearch.preview.values import PreviewSize
from echosearch.report.facts import Fact
from echosearch.report.facts.query.change import ChangeKind
from echosearch.report.facts.query.demographic import Demographic
from echosearch.report.facts.query.understand import FindingCondition, ValueCondition
from echosearch.report.facts.reader.mention import Polarity
from echosearch.search.results import ReadValue
from echosearch.video import View
from ingest.jobs.leased import WorkSummary
from ingest.options import IngestSummary
from ingest.recall import Recall
from ingest.reembed import ReembedSummary
from ingest.site_plan import SitePlan
from ingest.verify import Rebuilt, VerifyReport
from trainer.evaluation.benchmark import BenchmarkScores
from trainer.evaluation.evaluate import Evaluation
from trainer.evaluation.robustness import Robustness

__all__ = ["SCHEMAS", "schema_of"]

CLOSED = ConfigDict(extra="forbid")
Key = Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
WHERE_TRUE = {"Fact": {"inherited", "walls"}}  # keys of a dataclass that are printed where they are true, or not empty
OPTIONAL: Any = "(absent)"  # as a default: the key may be absent


class AuditRow(BaseModel):
    model_config = CLOSED
    seq: Annotated[int, Field(ge=1)]
    at: Annotated[str, Field(description="ISO 8601, UTC")]
    who: str
    role: Annotated[str, Field(description="empty: the command line")]
    project: str
    via: str
    action: str
    outcome: str
    keys: Annotated[list[str], Field(description="pseudonymous keys that were shown")]
    query_mac: Annotated[str | None, Field(description="the same for the same query")]
    mac: str
    # with --open
    query: str = OPTIONAL
    reason: str = OPTIONAL


class AuditShown(BaseModel):
    model_config = CLOSED
    entries: list[AuditRow]


class ListedAccount(BaseModel):
    model_config = CLOSED
    name: str
    role: str
    project: str | None
    disabled: bool
    two_factors: bool


class ListedProject(BaseModel):
    model_config = CLOSED
    name: str
    condition: str


class ListedToken(BaseModel):
    model_config = CLOSED
    account: str
    name: str
    rights: list[str]
    expires_at: str
    revoked: bool


class ListedIdentity(BaseModel):
    model_config = CLOSED
    account: str
    issuer: str
    subject: str


class UserList(BaseModel):
    model_config = CLOSED
    accounts: list[ListedAccount]
    projects: list[ListedProject]
    tokens: list[ListedToken]
    identities: Annotated[list[ListedIdentity], Field(description="who of an OpenID provider signs in as whom")]


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


def _search(name: str, hit: type[_Hit], query: type[BaseModel] = Query, **more: Any) -> type[BaseModel]:
    shape: dict[str, Any] = {
        "hits": (list[hit], ...),  # type: ignore[valid-type]
        "encoder": (EncoderInfo, ...),
        "query": (query, ...),
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


class _Told(BaseModel):
    model_config = CLOSED
    facts: Annotated[list[Fact], Field(description="of its report, or inherited from an earlier one")]
    measurements: Annotated[list[Measurement], Field(description="of its structured reports")]


class Scale(BaseModel):
    """The pairs of studies that a change is compared with."""

    model_config = CLOSED
    of: Literal["unchanged pairs", "all pairs"]
    pairs: Annotated[int, Field(ge=0)]


class VideoAmount(BaseModel):
    """How much of a concept the videos show, and how that differs from the study before."""

    model_config = CLOSED
    score: Annotated[float, Field(description="expected grade 0 to 4, value, or difference of cosines")]
    change: float | None
    z: Annotated[float | None, Field(description="robust standard deviations of the scale's pairs")]
    percentile: Probability | None


class TimelineConcept(_Told):
    concept: str
    label: str
    video: VideoAmount | None


class TimelineStudy(BaseModel):
    model_config = CLOSED
    study: Key
    date: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}$", description="month of the study")]
    months: Annotated[int | None, Field(description="since the first study")]
    age: int | None
    report: Annotated[bool, Field(description="a report was read for facts")]
    refers_back: Annotated[bool, Field(description="its report says that nothing has changed")]
    findings: list[TimelineConcept]
    # with --identified
    study_uid: str = OPTIONAL
    accession_number: str = OPTIONAL
    patient_id: str = OPTIONAL
    study_date: str | None = OPTIONAL
    days: int | None = OPTIONAL


class AskedChange(BaseModel):
    model_config = CLOSED
    concept: str
    change: ChangeKind
    within_months: int | None


class Pair(BaseModel):
    model_config = CLOSED
    rank: Annotated[int, Field(ge=1)]
    patient: Key
    earlier: Key
    later: Key
    earlier_date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    later_date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    months: Annotated[int, Field(description="between the two")]
    age: int | None
    sex: str | None
    change: Annotated[float, Field(description="later less earlier")]
    z: Annotated[float | None, Field(description="robust standard deviations, in the direction that was asked for")]
    percentile: Probability | None
    verdict: Verdict
    before: _Told
    now: _Told
    # with --identified
    patient_id: str | None = OPTIONAL
    earlier_study_uid: str | None = OPTIONAL
    later_study_uid: str | None = OPTIONAL
    days: int | None = OPTIONAL


class FindingEvidence(BaseModel):
    """The reports behind a probability and a grade, and their errors."""

    model_config = CLOSED
    positives: Annotated[int, Field(description="studies whose report states it, mild or more")]
    negatives: Annotated[int, Field(description="studies whose report denies it or does not mention it")]
    calibration_error: Annotated[float | None, Field(description="expected, in patients not fitted on")]
    graded_reports: int | None
    grade_error: Annotated[float | None, Field(description="mean absolute error, in grades")]


class DecidingVideo(BaseModel):
    model_config = CLOSED
    video: Key
    view: str | None
    mode: str | None


class InterpretedFinding(BaseModel):
    model_config = CLOSED
    concept: str
    label: str
    probability: Annotated[Probability | None, Field(description="of a report that states it; null: not calibrated")]
    grade: Annotated[float | None, Field(ge=0, le=4)]
    evidence: FindingEvidence
    not_calibrated: Annotated[str | None, Field(description="why there is no probability")]
    probe: Annotated[int | None, Field(description="version of the probe that read it; null: the curve of reports did")]
    video: Annotated[DecidingVideo | None, Field(description="that shows it best, if it is likely")]


class ValueEvidence(BaseModel):
    model_config = CLOSED
    studies: Annotated[int, Field(description="whose value was known")]
    error: Annotated[float | None, Field(description="mean absolute error in patients not fitted on")]


class InterpretedValue(BaseModel):
    """A value; the interval from low to high holds 90 % of true values."""

    model_config = CLOSED
    concept: str
    label: str
    unit: str | None
    value: float | None
    low: float | None
    high: float | None
    evidence: ValueEvidence
    not_calibrated: str | None
    probe: Annotated[int | None, Field(description="version of the probe that read it; null: the archive's scale did")]


class ErrorsOfAProbe(BaseModel):
    """In patients left out; null where the kind of probe does not have it."""

    model_config = CLOSED
    calibration: Annotated[float | None, Field(description="expected error of P(mild or more)")]
    error: Annotated[Interval | None, Field(description="mean absolute error: in the unit, or in grades")]
    auc: Annotated[Interval | None, Field(description="mild or more against the rest")]
    exact: Annotated[Interval | None, Field(description="share of grades that are read exactly")]


class StoredProbe(BaseModel):
    model_config = CLOSED
    concept: str
    label: str
    unit: str | None
    version: Annotated[int, Field(ge=1)]
    kind: Literal["value", "grade", "finding"]
    labels: Literal["sr", "facts", "csv"]
    studies: int
    patients: int
    positives: Annotated[int | None, Field(description="studies with the finding, mild or more")]
    errors: ErrorsOfAProbe
    prompts: Annotated[ErrorsOfAProbe | None, Field(description="of the prompts alone, on the same studies")]
    width: Annotated[float | None, Field(description="half of the interval that holds nine of ten labels")]
    created_at: str


class FittedProbe(StoredProbe):
    left_out: Annotated[int, Field(description="rows of the table that name no indexed study, or one again")]


class _Identified(BaseModel):
    model_config = CLOSED
    # with --identified
    study_uid: str = OPTIONAL
    accession_number: str = OPTIONAL
    patient_id: str = OPTIONAL
    study_date: str | None = OPTIONAL


class NearStudy(_Identified):
    study: Key
    patient: Key
    date: str | None
    cosine: Cosine
    facts: list[Fact]


class Interpretation(_Identified):
    notice: str
    query: Query
    findings: list[InterpretedFinding]
    values: list[InterpretedValue]
    neighbours: Annotated[list[NearStudy], Field(description="reported studies of other patients")]
    draft: Annotated[str, Field(description="the same in phrases of a report")]
    sampled: Annotated[int, Field(description="studies that calibrate")]
    encoder: EncoderInfo
    warnings: list[str]


class DisagreeingStudy(_Identified):
    rank: Annotated[int, Field(ge=1)]
    study: Key
    patient: Key
    date: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}$", description="month of the study")]
    device: str | None
    concept: str
    label: str
    surprise: Annotated[float, Field(description="log odds that the statement is wrong; against SR: tolerances")]
    kind: Kind
    report: _Told
    probability: Annotated[float | None, Field(description="that a report of such videos states it")]
    grade: float | None
    value: float | None


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


class AskedWord(BaseModel):
    model_config = CLOSED
    word: str
    denied: Annotated[bool, Field(description="its absence is asked for")]


class UnderstoodChange(BaseModel):
    """A study differs from an earlier one of its patient."""

    model_config = CLOSED
    concept: str
    change: ChangeKind
    amount: Annotated[float | None, Field(description="grades, or in the unit; at least as much")]
    unit: str | None
    within_months: Annotated[int | None, Field(description="null: compared with the last study that speaks of it")]


class AmbiguousWord(BaseModel):
    """An abbreviation that means two things."""

    model_config = CLOSED
    word: str
    read_as: Annotated[str, Field(description="the concept that it was read as")]
    other: Annotated[str, Field(description="what else it may mean")]


class AskedWalls(BaseModel):
    """The walls of the left ventricle that a condition on its motion is about."""

    model_config = CLOSED
    concept: Annotated[str, Field(description="with polarity and severity those of the condition")]
    polarity: Polarity
    severity: tuple[int, int] | None
    all: list[str] = OPTIONAL  # all of them must be stated
    any: list[str] = OPTIONAL  # one is enough
    excluded: list[str] = OPTIONAL


class Understood(BaseModel):
    model_config = CLOSED
    required: list[FindingCondition | ValueCondition | AnyOf]
    excluded: list[FindingCondition]
    values: list[ValueCondition]
    demographics: list[Demographic]
    rest: Annotated[str, Field(description="what no rule understands")]
    walls: list[AskedWalls]
    words: Annotated[list[AskedWord], Field(description="what of it reports are asked for")]
    changes: list[UnderstoodChange]
    ambiguous: list[AmbiguousWord]


_COLLECTION = _of("Collection", Differences, but=("foreign_ids",), strangers=tuple[str, ...])


class Verified(_of("verify", VerifyReport, but=("collections",), clean=bool, differences=int)):  # type: ignore[misc]
    collections: list[_COLLECTION]  # type: ignore[valid-type]
    recall: list[Recall] = OPTIONAL  # with --recall


# of an answer to words that were understood
UNDERSTOOD: dict[str, Any] = {
    "understood": (Understood, OPTIONAL),
    "total": (int | None, OPTIONAL),
    "strong": (int | None, OPTIONAL),
    "belief": (Literal["probability", "percentile", "words"] | None, OPTIONAL),
    "read_values": (list[ReadValue], OPTIONAL),
}


class StoredName(BaseModel):
    model_config = CLOSED
    name: str
    words: Annotated[str | None, Field(description="what it asks for; null: its definition is deleted")]
    snapshots: list[int]


class Frozen(BaseModel):
    model_config = CLOSED
    number: int
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256")]
    created_at: str


def _cohort(title: str, /, **shape: Any) -> type[BaseModel]:
    made: dict[str, Any] = {key: (kind, ...) for key, kind in shape.items()}
    return create_model(title, __config__=CLOSED, **made)


_COHORTS: dict[str, tuple[str, type]] = {
    "cohort-define": (
        "echosearch cohort define --json",
        _cohort("define", name=str, words=str, toml=str, made=Made, notes=list[str]),
    ),
    "cohort-list": ("echosearch cohort list --json", _cohort("list", cohorts=list[StoredName])),
    "cohort-show": (
        "echosearch cohort show --json",
        _cohort(
            "show",
            name=str,
            words=str,
            toml=str,
            attrition=list[AttritionStep],
            suppressed_below=int,
            resolution=Literal["day", "month"],
            versions=Versions,
            frozen=Frozen | None,
            notes=list[str],
        ),
    ),
    "cohort-freeze": (
        "echosearch cohort freeze --json",
        _cohort(
            "freeze",
            snapshot=str,
            digest=str,
            members=int,
            attrition=list[AttritionStep],
            resolution=Literal["day", "month"],
            versions=Versions,
            notes=list[str],
        ),
    ),
    "cohort-diff": ("echosearch cohort diff --json", Difference),
    "cohort-export": ("echosearch cohort export --json", _of("export", Exported, dictionary=list[str])),
    "cohort-match": ("echosearch cohort match --json", Matched),
    "cohort-review": (
        "echosearch cohort review --in CSV --json",
        _cohort("review", cohort=str, recorded=int),
    ),
    "cohort-review-report": ("echosearch cohort review --report --json", ReviewReport),
    "cohort-delete": ("echosearch cohort delete --json", _cohort("delete", name=str, snapshots=list[int])),
}


class ShownPreview(BaseModel):
    model_config = CLOSED
    out: str
    size: PreviewSize
    width: int
    height: int
    frames: int
    seconds: float
    frames_per_second: float
    time_known: Annotated[bool, Field(description="false: the file states no time, and 30 frames a second are assumed")]


class ShownContours(BaseModel):
    model_config = CLOSED
    target: Annotated[str, Field(description="as it was given")]
    source: Annotated[Source, Field(description="seg: imported from DICOM SEG, and no head drew it")]
    view: View
    frames: int
    figure: Annotated[Figure | None, Field(description="lengths in mm; null: no_figure says why")]
    no_figure: NoFigure | None
    why: str
    beats: Annotated[list[FoundBeat], Field(description="frames from 0")]
    areas: Annotated[list[float | None] | None, Field(description="of each frame, as a share of the box")]
    outlines: Annotated[
        list[list[Annotated[list[float], Field(min_length=2, max_length=2)]] | None] | None,
        Field(description="of each frame: points, 0 to 1 from left and from above in the box; as a preview is cut"),
    ]


class ContourDocument(BaseModel):
    model_config = CLOSED
    source: Literal["contour"]
    head: Annotated[HeadInfo | None, Field(description="of the cines whose source is head; null: there are none")]
    warning: str | None
    cines: list[ShownContours]
    biplane: Biplane | None


class ImportedContours(BaseModel):
    model_config = CLOSED
    video: Key
    source: Source
    view: View
    frames: Annotated[int, Field(description="of the cine")]
    figure: Figure | None
    no_figure: NoFigure | None
    why: str
    beats: Annotated[list[FoundBeat], Field(description="frames from 0")]
    masks: Annotated[int, Field(description="frames that the files mark")]
    drawn: Annotated[int, Field(description="masks that are one piece of a cavity within the picture")]
    replaced: Annotated[bool, Field(description="contours that were imported before")]


class RefusedFiles(BaseModel):
    model_config = CLOSED
    video: Annotated[Key | None, Field(description="whose marks they are; null: a file that cannot be used")]
    files: Annotated[list[str], Field(description="those of folders with --name-files alone")]
    why: str


class ContourImport(BaseModel):
    model_config = CLOSED
    imported: list[ImportedContours]
    refused: list[RefusedFiles]
    other_files: Annotated[int, Field(description="of folders, no Segmentation objects")]
    other_segments: Annotated[int, Field(description="that are not the left ventricle")]


# the name of a schema -> (the command that prints it, its shape)
SCHEMAS: dict[str, tuple[str, type]] = {
    "query": ("echosearch query --json", _search("query", QueryHit, **UNDERSTOOD)),
    "similar": ("echosearch similar --json", _search("similar", QueryHit, SimilarQuery, **UNDERSTOOD)),
    "report": ("echosearch report --json", _search("report", ReportHit)),
    "timeline": (
        "echosearch timeline --json",
        create_model(
            "timeline",
            __config__=CLOSED,
            patient=(Key, ...),
            studies=(list[TimelineStudy], ...),
            scales=(dict[str, Scale], ...),
            encoder=(EncoderInfo, ...),
            warnings=(list[str], ...),
        ),
    ),
    "changed": (
        "echosearch changed --json",
        create_model(
            "changed",
            __config__=CLOSED,
            pairs=(list[Pair], ...),
            change=(AskedChange, ...),
            compared=(Annotated[int, Field(ge=0)], ...),
            scale=(Scale, ...),
            encoder=(EncoderInfo, ...),
            warnings=(list[str], ...),
        ),
    ),
    "interpret": ("echosearch interpret --json", Interpretation),
    "disagree": (
        "echosearch disagree --json",
        create_model(
            "disagree",
            __config__=CLOSED,
            disagreements=(list[DisagreeingStudy], ...),
            against=(Against, ...),
            compared=(int, ...),
            surprising=(int, ...),
            rates=(list[Rate], ...),
            encoder=(EncoderInfo, ...),
            warnings=(list[str], ...),
        ),
    ),
    "audit-shortcuts": (
        "echosearch audit shortcuts --json",
        _of("shortcuts", Shortcuts),
    ),
    "contour": ("echosearch contour --json", ContourDocument),
    "contour-import": ("echosearch contour import --json", ContourImport),
    "contour-forget": ("echosearch contour forget --json", _of("contour-forget", forgotten=list[Key])),
    "preview-make": ("echosearch preview make --json", _of("preview-make", PreviewCounts, size=PreviewSize)),
    "preview-show": ("echosearch preview show --json", ShownPreview),
    "evaluate": ("echosearch evaluate --json", Evaluation),
    "evaluate-benchmark": ("echosearch evaluate --benchmark PATH --json", BenchmarkScores),
    "evaluate-robustness": ("echosearch evaluate --robustness --json", Robustness),
    "probe-fit": ("echosearch probe fit --json", FittedProbe),
    "probe-list": (
        "echosearch probe list --json",
        create_model("probes", __config__=CLOSED, probes=(list[StoredProbe], ...)),
    ),
    "probe-show": (
        "echosearch probe show --json",
        create_model("versions", __config__=CLOSED, probes=(list[StoredProbe], ...)),
    ),
    "probe-delete": (
        "echosearch probe delete --json",
        create_model("deleted", __config__=CLOSED, concept=(str, ...), deleted=(int, ...)),
    ),
    "audit-show": ("echosearch audit show --json", AuditShown),
    "audit-verify": ("echosearch audit verify --json", AuditCheck),
    "user-list": ("echosearch user list --json", UserList),
    "facts": ("echosearch facts --json", create_model("facts", __config__=CLOSED, facts=(list[Fact], ...))),
    "understand": ("echosearch understand --json", Understood),
    "ingest": ("echosearch ingest --json", IngestSummary),
    "ingest-dry-run": (
        "echosearch ingest --dry-run --json",
        create_model("dry_run", __config__=CLOSED, files=(list[DryFile], ...), counts=(dict[str, int], ...)),
    ),
    "plan": ("echosearch plan --json", SitePlan),
    "receive": (
        "echosearch receive --json",
        create_model(
            "receive",
            __config__=CLOSED,
            stored=(int, ...),
            again=(int, ...),
            bytes=(int, ...),
            refused=(dict[str, int], ...),
        ),
    ),
    "reembed": ("echosearch reembed --json", ReembedSummary),
    "work": ("echosearch work --job N --json", WorkSummary),
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
            jobs=list[OpenJob],
            worker_protections=list[str],
            other_encoders=list[GenerationCount],
            points_due=dict[str, int],
            last_run=LastRun | None,
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
    **_COHORTS,
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
    for kind, part in (("", schema), *schema.get("$defs", {}).items()):
        part.pop("title", None)
        optional = WHERE_TRUE.get(kind, set()) | {
            key for key, value in part.get("properties", {}).items() if value.get("default") == OPTIONAL
        }
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
