"""What videos say: `echosearch interpret`, `disagree`, `audit shortcuts`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from echosearch.encoder_info import EncoderInfo
from echosearch.insight.disagree import Against
from echosearch.insight.judge import Kind
from echosearch.insight.rates import Rate
from echosearch.insight.shortcuts import Shortcuts
from echosearch.report.facts import Fact
from shapes.base import CLOSED, Commands, Cosine, Identified, Key, Probability, Told, closed, closed_of
from shapes.search import Query

__all__ = ["COMMANDS"]


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


class NearStudy(Identified):
    study: Key
    patient: Key
    date: str | None
    cosine: Cosine
    facts: list[Fact]


class Interpretation(Identified):
    notice: str
    query: Query
    findings: list[InterpretedFinding]
    values: list[InterpretedValue]
    neighbours: Annotated[list[NearStudy], Field(description="reported studies of other patients")]
    draft: Annotated[str, Field(description="the same in phrases of a report")]
    sampled: Annotated[int, Field(description="studies that calibrate")]
    encoder: EncoderInfo
    warnings: list[str]


class DisagreeingStudy(Identified):
    rank: Annotated[int, Field(ge=1)]
    study: Key
    patient: Key
    date: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}$", description="month of the study")]
    device: str | None
    concept: str
    label: str
    surprise: Annotated[float, Field(description="log odds that the statement is wrong; against SR: tolerances")]
    kind: Kind
    report: Told
    probability: Annotated[float | None, Field(description="that a report of such videos states it")]
    grade: float | None
    value: float | None


COMMANDS: Commands = {
    "interpret": ("echosearch interpret --json", Interpretation),
    "disagree": (
        "echosearch disagree --json",
        closed(
            "disagree",
            disagreements=list[DisagreeingStudy],
            against=Against,
            compared=int,
            surprising=int,
            rates=list[Rate],
            encoder=EncoderInfo,
            warnings=list[str],
        ),
    ),
    "audit-shortcuts": (
        "echosearch audit shortcuts --json",
        closed_of("shortcuts", Shortcuts),
    ),
}
