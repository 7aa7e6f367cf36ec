"""Probes: `echosearch probe`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from echosearch.insight.intervals import Interval
from shapes.base import CLOSED, Commands, closed

__all__ = ["COMMANDS"]


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


COMMANDS: Commands = {
    "probe-fit": ("echosearch probe fit --json", FittedProbe),
    "probe-list": (
        "echosearch probe list --json",
        closed("probes", probes=list[StoredProbe]),
    ),
    "probe-show": (
        "echosearch probe show --json",
        closed("versions", probes=list[StoredProbe]),
    ),
    "probe-delete": (
        "echosearch probe delete --json",
        closed("deleted", concept=str, deleted=int),
    ),
}
