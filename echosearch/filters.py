"""The filter language, parsed: a small tree that every store can turn into its own filter.

    view = 4CH and age >= 65 and sex = F and date >= 2020-01

The grammar and parser are in echosearch/search/filter_parser.py; the stores only see these nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["FIELDS", "And", "Comparison", "Field", "Not", "Op", "Or", "Where", "fields_of", "flatten_and"]

# field -> how its values compare. "month" is an integer yyyymm: the index keeps months, not days.
Field = Literal["view", "view_prob", "mode", "sex", "age", "month", "device", "study", "patient"]
FIELDS: dict[Field, type] = {
    "view": str,
    "view_prob": float,
    "mode": str,
    "sex": str,
    "age": int,
    "month": int,
    "device": str,
    "study": str,  # pseudonymous keys: not in the user's language, used by search itself
    "patient": str,
}
Op = Literal["=", "<", "<=", ">", ">=", "in"]


@dataclass(frozen=True)
class Comparison:
    """``field op value``; for ``in``, value is a tuple. An unknown (null) value never matches."""

    field: Field
    op: Op
    value: str | int | float | tuple[str | int | float, ...]

    def __post_init__(self) -> None:
        if isinstance(self.value, tuple) != (self.op == "in"):
            raise ValueError(f"{self.op} does not take {self.value!r}")
        if FIELDS[self.field] is str and self.op not in ("=", "in"):
            raise ValueError(f"{self.field} has no order: {self.op} cannot compare it")


@dataclass(frozen=True)
class And:
    parts: tuple[Where, ...]


@dataclass(frozen=True)
class Or:
    parts: tuple[Where, ...]


@dataclass(frozen=True)
class Not:
    """Everything that ``part`` does not match, unknown values included."""

    part: Where


Where = Comparison | And | Or | Not


def flatten_and(where: And) -> Iterator[Where]:
    """What must all match, in its order, however deep the Ands lie in each other; none of it is an And."""
    for part in where.parts:
        if isinstance(part, And):
            yield from flatten_and(part)
        else:
            yield part


def fields_of(where: Where | None) -> frozenset[Field]:
    """Every field that a condition names."""
    match where:
        case None:
            return frozenset()
        case Comparison():
            return frozenset({where.field})
        case Not(part):
            return fields_of(part)
        case And(parts) | Or(parts):
            return frozenset().union(*(fields_of(part) for part in parts))
