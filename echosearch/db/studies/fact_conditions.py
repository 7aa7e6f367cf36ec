"""Conditions on facts as SQL: which studies state what was asked, deny it, or are silent.

    stated   the study's report says it (MR 中等度以上: present with a severity of 3 to 4), or a structured report
             measured it (EF < 40 %)
    denied   the report says something that excludes it (MRなし, or MR軽度)
    silent   neither: the report does not speak of it, is not sure, or there is no report

Changes compare a study with an earlier one of its patient: change_conditions.py.
A study is asked about condition by condition; its verdict on all is stated if all are stated, denied if one is denied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Connection, text

from echosearch.db.studies.change_conditions import VALUES, change_compared, change_stated
from echosearch.report.facts import AnyOf, ChangeCondition, FindingCondition, ValueCondition

__all__ = [
    "BROADER",
    "NARROWER",
    "Condition",
    "ConditionSql",
    "Verdict",
    "count_stated",
    "stated_studies",
    "verdicts",
]

Condition = FindingCondition | ValueCondition | AnyOf | ChangeCondition
Verdict = Literal["stated", "denied", "silent"]

_WALL_MOTION = ("rwma", "hypokinesis", "akinesis", "dyskinesis")
# A report that states a narrower concept states the broader one; one that denies the broader denies the narrower.
# Reports are read without inference (docs/facts.md); here a question makes its own.
NARROWER: Mapping[str, tuple[str, ...]] = {
    "rwma": _WALL_MOTION[1:],
    "lv_wall_motion": (*_WALL_MOTION, "diffuse_hypo"),
    "valve_disease": ("mr", "ms", "ar", "as", "tr", "ts", "pr", "pulm_stenosis", "mvp"),
    "prosthetic_valve": ("prosthetic_leak", "prosthetic_dysfunction"),
    "shunt": ("asd", "pfo", "vsd", "pda"),
}
BROADER: Mapping[str, tuple[str, ...]] = {
    name: tuple(broad for broad, narrow in NARROWER.items() if name in narrow and broad != "prosthetic_valve")
    for name in {name for narrow in NARROWER.values() for name in narrow}
}

_VALUE_SQL = {
    "<": "coalesce(f.value_hi, f.value) < {0}",
    "<=": "coalesce(f.value_hi, f.value) <= {0}",
    ">": "f.value > {0}",
    ">=": "f.value >= {0}",
    "=": "f.value <= {0} and coalesce(f.value_hi, f.value) >= {0}",
    "!=": "not (f.value >= {0} and coalesce(f.value_hi, f.value) <= {1})",
    "between": "f.value >= {0} and coalesce(f.value_hi, f.value) <= {1}",
}


@dataclass
class ConditionSql:
    """A statement under construction: its parameters by name."""

    given: dict[str, object] = field(default_factory=dict)

    def name(self, value: object) -> str:
        """Keep a value and return its placeholder."""
        self.given[f"c{len(self.given)}"] = value
        return f":c{len(self.given) - 1}"

    def fact(self, concept: str, condition: str, also: Mapping[str, tuple[str, ...]] | None = None) -> str:
        """A study (alias ``s``) has a fact of this concept, or of what ``also`` adds, that meets ``condition`` (alias
        ``f``)."""
        return (
            "exists (select from core.fact f where f.study_key = s.study_key"
            f" and f.concept = any({self.concepts(concept, also)}) and {condition})"
        )

    def concepts(self, concept: str, also: Mapping[str, tuple[str, ...]] | None = NARROWER) -> str:
        """The placeholder of a concept and of what ``also`` adds to it."""
        return f"cast({self.name([concept, *(also or {}).get(concept, ())])} as text[])"

    def measured(self, concept: str, condition: str) -> str:
        """A study's report, or a structured report of it, has a value of this concept that meets ``condition``."""
        return (
            f"exists (select from ({VALUES}) f where f.study_key = s.study_key"
            f" and f.concept = {self.name(concept)} and {condition})"
        )

    def stated(self, condition: Condition) -> str:
        match condition:
            case AnyOf(conditions):
                return "(" + " or ".join(self.stated(one) for one in conditions) + ")"
            case ChangeCondition(concept):
                return change_stated(condition, self.concepts(concept))
            case ValueCondition(concept, op, value, value_hi):
                wanted = _VALUE_SQL[op].format(self.number(value), self.number(value if value_hi is None else value_hi))
                return self.measured(concept, wanted)
            case FindingCondition(concept, "present", None):
                return self.present(concept)
            case FindingCondition(concept, "present", (low, high)):
                graded = self.fact(
                    concept,
                    f"f.polarity = 'present' and f.severity_lo >= {low:d} and f.severity_hi <= {high:d}",
                    NARROWER,
                )
                if low > 0:
                    return graded
                # 中等度未満: absence satisfies too, and "nothing significant" where a trivial one would
                names = "('absent', 'not_significant')" if high >= 1 else "('absent')"
                return f"({graded} or {self.fact(concept, f'f.polarity in {names}')})"
            case FindingCondition(concept, "absent"):
                return f"({self.absent(concept)} and not {self.present(concept)})"
            case FindingCondition(concept, polarity):
                return self.fact(concept, f"f.polarity = {self.name(polarity)}")

    def denied(self, condition: Condition) -> str:
        """Whether the report excludes it; asked only of studies that do not state it."""
        match condition:
            case AnyOf(conditions):
                return "(" + " and ".join(self.denied(one) for one in conditions) + ")"
            case ChangeCondition(concept):
                return change_compared(condition, self.concepts(concept))
            case ValueCondition(concept):
                return self.measured(concept, "f.value is not null")
            case FindingCondition(concept, "present", None):
                return self.absent(concept, "('absent', 'not_significant')")
            case FindingCondition(concept, "present", (low, high)):
                other = f"f.polarity = 'present' and (f.severity_hi < {low:d} or f.severity_lo > {high:d})"
                none = f"f.polarity = 'absent' or f.polarity = 'not_significant' and {low:d} > 1"
                return self.fact(concept, f"({other}" + (f" or {none})" if low > 0 else ")"))
            case FindingCondition(concept, "absent"):
                return self.present(concept)
            case FindingCondition():
                return "false"

    def present(self, concept: str) -> str:
        return self.fact(concept, "f.polarity = 'present'", NARROWER)

    def absent(self, concept: str, polarities: str = "('absent')") -> str:
        return self.fact(concept, f"f.polarity in {polarities}", BROADER)

    def number(self, value: float) -> str:
        return f"cast({self.name(float(value))} as float8)"

    def all_stated(self, required: Sequence[Condition], excluded: Sequence[Condition]) -> str:
        parts = [self.stated(one) for one in required] + [f"not {self.stated(one)}" for one in excluded]
        return " and ".join(parts) or "true"

    def any_denied(self, required: Sequence[Condition], excluded: Sequence[Condition]) -> str:
        """One that is required is denied and not stated, or one that is excluded is stated."""
        parts = [f"({self.denied(one)} and not {self.stated(one)})" for one in required]
        return " or ".join([*parts, *(self.stated(one) for one in excluded)]) or "false"


def verdicts(
    connection: Connection, required: Sequence[Condition], excluded: Sequence[Condition], studies: Sequence[str]
) -> Mapping[str, Verdict]:
    """The verdict of each of these studies that are in the archive, by key."""
    sql = ConditionSql()
    statement = (
        f"select cast(s.study_key as text) as study, {sql.all_stated(required, excluded)} as stated,"
        f" {sql.any_denied(required, excluded)} as denied"
        " from core.study s where s.study_key = any(cast(:keys as uuid[]))"
    )
    rows = connection.execute(text(statement), {**sql.given, "keys": list(studies)})
    return {row.study: "denied" if row.denied else "stated" if row.stated else "silent" for row in rows}


def stated_studies(
    connection: Connection,
    encoder_id: int,
    required: Sequence[Condition],
    excluded: Sequence[Condition],
    limit: int,
    about: str = "true",
    given: Mapping[str, object] | None = None,
) -> list[str]:
    """Keys of indexed studies that state all, newest first; ``about`` is a condition on core.study (alias ``s``)."""
    sql = ConditionSql()
    statement = (
        f"select cast(s.study_key as text) from {_from(sql, required, excluded, about)}"
        " order by s.month desc nulls last, s.study_key limit :limit"
    )
    found = connection.scalars(text(statement), {**sql.given, **(given or {}), "limit": limit, "encoder": encoder_id})
    return list(found)


def count_stated(
    connection: Connection,
    encoder_id: int,
    required: Sequence[Condition],
    excluded: Sequence[Condition],
    about: str = "true",
    given: Mapping[str, object] | None = None,
) -> int:
    """How many indexed studies state all."""
    sql = ConditionSql()
    statement = f"select count(*) from {_from(sql, required, excluded, about)}"
    return int(connection.execute(text(statement), {**sql.given, **(given or {}), "encoder": encoder_id}).scalar_one())


def _from(sql: ConditionSql, required: Sequence[Condition], excluded: Sequence[Condition], about: str) -> str:
    return (
        "core.study s join core.study_embedding e on e.study_key = s.study_key and e.encoder_id = :encoder"
        " left join core.patient p on p.patient_key = s.patient_key"
        f" where e.indexed_gen is not null and not s.conflict and {sql.all_stated(required, excluded)} and ({about})"
    )
