"""What shapes share: keys, scores, keys that may be absent, and objects with these fields alone."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from echosearch.report.facts import Fact

__all__ = [
    "CLOSED",
    "OPTIONAL",
    "Commands",
    "Cosine",
    "Identified",
    "Key",
    "Measurement",
    "Probability",
    "Told",
    "closed",
    "closed_of",
]

Commands = dict[str, tuple[str, type]]  # the name of a schema -> (the command that prints it, its shape)
CLOSED = ConfigDict(extra="forbid")
Key = Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
OPTIONAL: Any = "(absent)"  # as a default: the key may be absent


class Measurement(BaseModel):
    """A value of a DICOM structured report."""

    model_config = CLOSED
    concept: str
    value: float
    unit: str | None
    source: Literal["sr"]


class Told(BaseModel):
    model_config = CLOSED
    facts: Annotated[list[Fact], Field(description="of its report, or inherited from an earlier one")]
    measurements: Annotated[list[Measurement], Field(description="of its structured reports")]


class Identified(BaseModel):
    model_config = CLOSED
    # with --identified
    study_uid: str = OPTIONAL
    accession_number: str = OPTIONAL
    patient_id: str = OPTIONAL
    study_date: str | None = OPTIONAL


def closed_of(name: str, *parts: type, but: tuple[str, ...] = (), **more: Any) -> type[BaseModel]:
    """Make an object with the fields of several dataclasses, and more."""
    shape: dict[str, Any] = {}
    for part in parts:
        assert is_dataclass(part)
        hints = get_type_hints(part)
        shape |= {field.name: (hints[field.name], ...) for field in fields(part) if field.name not in but}
    shape |= {key: (kind, ...) for key, kind in more.items()}
    return create_model(name, __config__=CLOSED, **shape)


def closed(title: str, /, **shape: Any) -> type[BaseModel]:
    """Make an object that has these keys alone, all of them."""
    made: dict[str, Any] = {key: (kind, ...) for key, kind in shape.items()}
    return create_model(title, __config__=CLOSED, **made)
