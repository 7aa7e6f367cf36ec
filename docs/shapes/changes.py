"""Studies over time: `echosearch timeline`, `changed`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from echosearch.db.questions.fact_conditions import Verdict
from echosearch.encoder_info import EncoderInfo
from echosearch.report.facts.query.change import ChangeKind
from shapes.base import CLOSED, OPTIONAL, Commands, Key, Probability, Told, closed

__all__ = ["COMMANDS"]


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


class TimelineConcept(Told):
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
    before: Told
    now: Told
    # with --identified
    patient_id: str | None = OPTIONAL
    earlier_study_uid: str | None = OPTIONAL
    later_study_uid: str | None = OPTIONAL
    days: int | None = OPTIONAL


COMMANDS: Commands = {
    "timeline": (
        "echosearch timeline --json",
        closed(
            "timeline",
            patient=Key,
            studies=list[TimelineStudy],
            scales=dict[str, Scale],
            encoder=EncoderInfo,
            warnings=list[str],
        ),
    ),
    "changed": (
        "echosearch changed --json",
        closed(
            "changed",
            pairs=list[Pair],
            change=AskedChange,
            compared=Annotated[int, Field(ge=0)],
            scale=Scale,
            encoder=EncoderInfo,
            warnings=list[str],
        ),
    ),
}
