"""Cohorts: `echosearch cohort`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from echosearch.cohort.attrition import AttritionStep
from echosearch.cohort.definition import Made
from echosearch.cohort.export import Exported
from echosearch.cohort.match import Matched
from echosearch.cohort.review import ReviewReport
from echosearch.cohort.snapshot import Difference
from echosearch.db.cohorts.snapshots import Versions
from shapes.base import CLOSED, Commands, closed, closed_of

__all__ = ["COMMANDS"]


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


COMMANDS: Commands = {
    "cohort-define": (
        "echosearch cohort define --json",
        closed("define", name=str, words=str, toml=str, made=Made, notes=list[str]),
    ),
    "cohort-list": ("echosearch cohort list --json", closed("list", cohorts=list[StoredName])),
    "cohort-show": (
        "echosearch cohort show --json",
        closed(
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
        closed(
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
    "cohort-export": ("echosearch cohort export --json", closed_of("export", Exported, dictionary=list[str])),
    "cohort-match": ("echosearch cohort match --json", Matched),
    "cohort-review": (
        "echosearch cohort review --in CSV --json",
        closed("review", cohort=str, recorded=int),
    ),
    "cohort-review-report": ("echosearch cohort review --report --json", ReviewReport),
    "cohort-delete": ("echosearch cohort delete --json", closed("delete", name=str, snapshots=list[int])),
}
