"""What texts say: `echosearch facts`, `understand`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from echosearch.report.facts import Fact
from echosearch.report.facts.query.change import ChangeKind
from echosearch.report.facts.query.demographic import Demographic
from echosearch.report.facts.query.understand import FindingCondition, ValueCondition
from echosearch.report.facts.reader.mention import Polarity
from shapes.base import CLOSED, OPTIONAL, Commands, closed

__all__ = ["COMMANDS", "Understood"]


class AnyOf(BaseModel):
    """Conditions of which one is enough."""

    model_config = CLOSED
    any: list[FindingCondition | ValueCondition]


class UntoldWord(BaseModel):
    """What a query says of a finding and no fact keeps."""

    model_config = CLOSED
    word: str
    read_as: Annotated[str, Field(description="the concept that it was read as")]
    what: Annotated[list[Literal["place", "valve", "kind", "cause", "name"]], Field(description="what no fact tells")]


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
    untold: list[UntoldWord]


COMMANDS: Commands = {
    "facts": ("echosearch facts --json", closed("facts", facts=list[Fact])),
    "understand": ("echosearch understand --json", Understood),
}
