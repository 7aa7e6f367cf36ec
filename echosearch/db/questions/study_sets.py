"""Sets of studies as SQL expressions, in forms that mean the same.

    RowSet    a boolean of one study: of core.study, alias ``s``
    VideoSet  the same of one video (core.video, alias ``v``) and its study
    BitSet    a bit string of a block of studies (alias ``b``): what core.study_bits holds, a bit for each study

A condition is written once, by the methods of StudySet. In what a method is given, ``f`` is a row of facts. What has no
form in bits (a change between studies) is evaluated by rows, once a statement: BitSet.made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from echosearch.db.questions.change_conditions import VALUES
from echosearch.filters import FIELDS, And, Comparison, Field, Not, Or, Where
from echosearch.report.facts.walls import NAMED_NOWHERE

__all__ = [
    "BLOCK",
    "DIGITS",
    "OF_WALLS",
    "ONE",
    "STUDY_FIELDS",
    "BitSet",
    "RowSet",
    "StudySet",
    "VideoSet",
    "study_filter",
]

BLOCK = 16_384  # studies; 2 KB a bit string, so that PostgreSQL compresses most and moves few out of line
DIGITS = 3  # significant digits of a value in core.study_bits; see study_bits.py
ONE = f"set_bit(cast(B'' as bit({BLOCK})), cast(s.number % {BLOCK} as int), 1)"  # the bit string of one study
STUDY_FIELDS: frozenset[Field] = frozenset(("sex", "age", "month"))
# what a row of facts ``f`` says of walls, as concepts: {akinesis.inferior}, {akinesis.unnamed}; null: not read yet
OF_WALLS = (
    f"(case when cardinality(f.walls) = 0 then array[f.concept || '.{NAMED_NOWHERE}']"
    " else (select array_agg(f.concept || '.' || wall) from unnest(f.walls) wall) end)"
)
_OF_VIDEOS = ("view", "view_prob", "mode", "device")


@dataclass
class StudySet(ABC):
    """Expressions over the same parameters."""

    given: dict[str, object] = field(default_factory=dict)  # the parameters by name
    exact: bool = True  # False: a number has more digits than core.study_bits keeps

    nothing, everything = "false", "true"
    _and, _or, _not = " and ", " or ", "not "

    def name(self, value: object) -> str:
        """Keep a value and return its placeholder: the same for the same value."""
        for place, kept in self.given.items():
            if type(kept) is type(value) and kept == value:
                return f":{place}"
        self.given[f"c{len(self.given)}"] = value
        return f":c{len(self.given) - 1}"

    def names(self, values: Sequence[str]) -> str:
        """Return the array (text[]) of these values. The planner counts placeholders; of a list it knows no length."""
        return f"cast(array[{', '.join(map(self.name, values))}] as text[])"

    def number(self, value: float) -> str:
        self.exact &= len(Decimal(repr(float(value))).normalize().as_tuple().digits) <= DIGITS
        return f"cast({self.name(float(value))} as float8)"

    def every(self, parts: Sequence[str]) -> str:
        return f"({self._and.join(parts)})" if parts else self.everything

    def some(self, parts: Sequence[str]) -> str:
        return f"({self._or.join(parts)})" if parts else self.nothing

    def no(self, part: str) -> str:
        return f"({self._not}{part})"

    @abstractmethod
    def fact(self, concepts: Sequence[str], condition: str) -> str:
        """Return the studies whose report has a fact of one of these concepts that meets ``condition``."""

    @abstractmethod
    def measured(self, concept: str, condition: str) -> str:
        """Return the studies whose report, or a structured report of theirs, has a value that meets ``condition``."""

    @abstractmethod
    def by_rows(self, concepts: str, condition: str) -> str:
        """Return the studies that meet a condition on ``s`` that needs a fact of ``concepts`` (text[])."""

    @abstractmethod
    def of_study(self, column: str, condition: str) -> str:
        """Return the studies whose sex, age or month meets ``condition``, {0} in it being the value."""


class RowSet(StudySet):
    def fact(self, concepts: Sequence[str], condition: str) -> str:
        return (
            "exists (select from core.fact f where f.study_key = s.study_key"
            f" and {self.of_concepts(concepts)} and {condition})"
        )

    def of_concepts(self, concepts: Sequence[str]) -> str:
        """Return the condition that ``f`` is of one of these concepts; of walls it reads ``f.walls``."""
        plain = list(dict.fromkeys(concept.partition(".")[0] for concept in concepts))
        named = f"f.concept = any({self.names(plain)})"
        if any("." in concept for concept in concepts):  # of a wall
            named += f" and f.concept || {OF_WALLS} && {self.names(concepts)}"
        return named

    def measured(self, concept: str, condition: str) -> str:
        return (
            f"exists (select from ({VALUES}) f where f.study_key = s.study_key"
            f" and f.concept = {self.name(concept)} and {condition})"
        )

    def by_rows(self, concepts: str, condition: str) -> str:
        return condition

    def of_study(self, column: str, condition: str) -> str:
        return f"coalesce({condition.format(f's.{column}')}, false)"


class VideoSet(RowSet):
    def of_study(self, column: str, condition: str) -> str:
        """Return those whose study, or own field, meets ``condition``."""
        if column in _OF_VIDEOS:
            return f"coalesce({condition.format(f'v.{column}')}, false)"
        return super().of_study(column, condition)


@dataclass
class BitSet(StudySet):
    """What the statement is to name, each once, however often a condition occurs in it.

    ``made``: queries of (block, studies), as common table expressions (with ... as).
    ``columns``: bit strings of the block ``b``, as columns of ``b`` itself; the methods return ``b.NAME``.
    """

    made: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)

    nothing, everything = f"cast(B'' as bit({BLOCK}))", f"~ cast(B'' as bit({BLOCK}))"
    _and, _or, _not = " & ", " | ", "~ "

    def fact(self, concepts: Sequence[str], condition: str) -> str:
        return self._bits(f"any({self.names(concepts)})", condition)

    def measured(self, concept: str, condition: str) -> str:
        return self._bits(f"any({self.names([concept, f'sr:{concept}'])})", f"f.polarity = 'present' and {condition}")

    def by_rows(self, concepts: str, condition: str) -> str:
        query = (
            f"select s.number / {BLOCK} as block, bit_or({ONE}) as studies from core.study s"
            f" where s.number is not null and s.study_key in (select study_key from core.fact"
            f" where concept = any({concepts}) union all select study_key from core.sr_value"
            f" where trusted and concept = any({concepts})) and {condition} group by 1"
        )
        name = _named(self.made, "m", query)
        return self._column(f"select m.studies from {name} m where m.block = b.block")

    def of_study(self, column: str, condition: str) -> str:
        value = "f.polarity" if column == "sex" else "f.value"
        return self._bits(f"'study:{column}'", condition.format(value))

    def _bits(self, concept: str, condition: str) -> str:
        return self._column(
            "select bit_or(f.studies) from core.study_bits f where f.block = b.block"
            f" and f.concept = {concept} and {condition}"
        )

    def _column(self, query: str) -> str:
        return f"b.{_named(self.columns, 'bits', f'coalesce(({query}), {self.nothing})')}"


def _named(queries: dict[str, str], prefix: str, query: str) -> str:
    """Keep a query and return its name: the same for the same query."""
    name = next((name for name, kept in queries.items() if kept == query), f"{prefix}{len(queries)}")
    queries[name] = query
    return name


def study_filter(sets: StudySet, where: Where) -> str:
    """Return the studies that meet ``where``. Unknown values match no comparison, as in the index."""
    match where:
        case Comparison(field, "in", value):
            assert isinstance(value, tuple)
            kind = "text" if FIELDS[field] is str else "float8"
            return sets.of_study(field, f"{{0}} = any(cast({sets.name(list(value))} as {kind}[]))")
        case Comparison(field, op, value):
            return sets.of_study(field, f"{{0}} {op} {sets.name(value)}")
        case Not(part):
            return sets.no(study_filter(sets, part))
        case And(parts):
            return sets.every([study_filter(sets, part) for part in parts])
        case Or(parts):
            return sets.some([study_filter(sets, part) for part in parts])
