"""Who looks at the archive, and which studies of it they may see.

A viewer comes with the archive (``Archive.viewer``), so every search and every look-up has one. The command line and
Python are ``LOCAL``: what these may read, PostgreSQL's roles decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from echosearch.filters import And, Comparison, Field, Not, Or, Where, fields_of

__all__ = ["LOCAL", "SCOPE_FIELDS", "Role", "Viewer"]

SCOPE_FIELDS: frozenset[Field] = frozenset(("sex", "age", "month"))  # what a project's condition may name


class Role(StrEnum):
    SEARCHER = "searcher"
    CLINICIAN = "clinician"
    RESEARCHER = "researcher"
    ADMIN = "admin"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class Viewer:
    """Who looks, as what, and within which part of the archive."""

    name: str
    role: Role | None = None  # None: the command line
    project: str | None = None
    scope: Where | None = None  # the studies that may be seen; None: all
    reason: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not fields_of(self.scope) <= SCOPE_FIELDS or (self.project is not None and self.scope is None):
            raise ValueError(f"a project is a condition on {', '.join(sorted(SCOPE_FIELDS))}, and has one")

    def sees(self, month: int | None, age: int | None, sex: str | None) -> bool:
        """Return whether a study with these attributes may be seen."""
        return self.scope is None or _meets(self.scope, {"month": month, "age": age, "sex": sex})


def _meets(where: Where, study: dict[str, int | str | None]) -> bool:
    match where:
        case Not(part):
            return not _meets(part, study)
        case And(parts):
            return all(_meets(part, study) for part in parts)
        case Or(parts):
            return any(_meets(part, study) for part in parts)
        case Comparison(field, op, value):
            return _compares(study[field], op, value)


def _compares(known: int | str | None, op: str, value: object) -> bool:
    """An unknown value meets no comparison."""
    if known is None:
        return False
    if isinstance(value, tuple):
        return known in value
    if isinstance(known, str) or isinstance(value, str):
        return known == value
    assert isinstance(value, int | float)
    return {
        "=": known == value,
        "<": known < value,
        "<=": known <= value,
        ">": known > value,
        ">=": known >= value,
    }[op]


LOCAL = Viewer("")
