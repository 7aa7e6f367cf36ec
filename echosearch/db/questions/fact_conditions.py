"""Conditions on facts: which studies state what was asked, deny it, or are silent.

    stated   the study's report says it (MR 中等度以上: present with a severity of 3 to 4), or a structured report
             measured it (EF < 40 %)
    denied   the report says something that excludes it (MRなし, or MR軽度)
    silent   neither: the report does not speak of it, is not sure, or there is no report

Changes compare a study with an earlier one of its patient: change_conditions.py.
A study is asked about condition by condition; its verdict on all is stated if all are stated, denied if one is denied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from sqlalchemy import Connection, text

from echosearch.db.questions.change_conditions import change_compared, change_stated
from echosearch.db.questions.study_sets import RowSet, StudySet
from echosearch.report.facts import AnyOf, ChangeCondition, FindingCondition, ValueCondition
from echosearch.report.facts.walls import (
    MOTION,
    NAMED_NOWHERE,
    WALLS,
    kinds_of_motion,
    of_wall,
    single_walls,
    walls_around,
    without_wall,
)

__all__ = [
    "BROADER",
    "NARROWER",
    "Condition",
    "Verdict",
    "all_stated",
    "any_denied",
    "denials_of",
    "perhaps_of",
    "unmentioned",
    "verdicts",
]

Condition = FindingCondition | ValueCondition | AnyOf | ChangeCondition
Verdict = Literal["stated", "denied", "silent"]

# A report that states a narrower concept states the broader one; one that denies the broader denies the narrower.
# Reports are read without inference (docs/facts.md); here a question makes its own.
_ANY_WALL: dict[str, tuple[str, ...]] = {
    "rwma": MOTION[1:],
    "lv_wall_motion": (*MOTION, "diffuse_hypo"),
    "valve_disease": ("mr", "ms", "ar", "as", "tr", "ts", "pr", "pulm_stenosis", "mvp"),
    "prosthetic_valve": ("prosthetic_leak", "prosthetic_dysfunction"),
    "shunt": ("asd", "pfo", "vsd", "pda"),
}
_OF_WALLS = [(kind, wall) for kind in MOTION for wall in WALLS]
# what is said of a part of a wall, or of a kind of motion, is said of the wall
NARROWER: Mapping[str, tuple[str, ...]] = _ANY_WALL | {
    of_wall(kind, wall): tuple(
        of_wall(narrow, part)
        for narrow in kinds_of_motion(kind)
        for part in (wall, *WALLS[wall].parts)
        if (narrow, part) != (kind, wall)
    )
    for kind, wall in _OF_WALLS
}
# a denial that names no wall is of every wall
BROADER: Mapping[str, tuple[str, ...]] = {
    name: tuple(broad for broad, narrow in _ANY_WALL.items() if name in narrow and broad != "prosthetic_valve")
    for name in {name for narrow in _ANY_WALL.values() for name in narrow}
} | {
    of_wall(kind, wall): (
        *(
            of_wall(broad, around)
            for broad in dict.fromkeys((kind, MOTION[0]))
            for around in (wall, *walls_around(wall), NAMED_NOWHERE)
            if (broad, around) != (kind, wall)
        ),
        "lv_wall_motion",
    )
    for kind, wall in _OF_WALLS
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


def all_stated(sets: StudySet, required: Sequence[Condition], excluded: Sequence[Condition]) -> str:
    """Return the studies that state all that is required and nothing that is excluded."""
    return sets.every([*(_stated(sets, one) for one in required), *(sets.no(_stated(sets, one)) for one in excluded)])


def any_denied(sets: StudySet, required: Sequence[Condition], excluded: Sequence[Condition]) -> str:
    """Return the studies that deny one that is required and do not state it, or state one that is excluded."""
    parts = [sets.every([_denied(sets, one), sets.no(_stated(sets, one))]) for one in required]
    return sets.some([*parts, *(_stated(sets, one) for one in excluded)])


def verdicts(
    connection: Connection, required: Sequence[Condition], excluded: Sequence[Condition], studies: Sequence[str]
) -> Mapping[str, Verdict]:
    """Return the verdict of each of these studies that are in the archive, by key."""
    rows = RowSet()
    statement = (
        f"select cast(s.study_key as text) as study, {all_stated(rows, required, excluded)} as stated,"
        f" {any_denied(rows, required, excluded)} as denied"
        " from core.study s where s.study_key = any(cast(:keys as uuid[]))"
    )
    found = connection.execute(text(statement), {**rows.given, "keys": list(studies)})
    return {row.study: "denied" if row.denied else "stated" if row.stated else "silent" for row in found}


def unmentioned(connection: Connection, concept: str, studies: Sequence[str]) -> set[str]:
    """Return those of the studies whose report has facts, but none about a finding, nor a broader or narrower one.

    A wall motion abnormality that names no wall, or one that is in part the same, may be of the wall that is asked for.
    """
    rows = RowSet()
    spoken = rows.fact([*_with(concept, NARROWER), *BROADER.get(concept, ()), *perhaps_of(concept)], "true")
    statement = (
        "select cast(s.study_key as text) from core.study s where s.study_key = any(cast(:keys as uuid[]))"
        f" and exists (select from core.fact f where f.study_key = s.study_key) and not {spoken}"
    )
    return set(connection.scalars(text(statement), {**rows.given, "keys": list(studies)}))


def perhaps_of(concept: str) -> tuple[str, ...]:
    """Return the statements that may be of the wall of a concept: of a wall in part the same, and of none by name.

    Empty of a concept that has no wall.
    """
    kind, wall = without_wall(concept)
    if wall is None:
        return ()
    near = [one for one in WALLS if not single_walls([one]).isdisjoint(single_walls([wall]))]
    return (
        *(of_wall(each, NAMED_NOWHERE) for each in MOTION),
        *(of_wall(each, one) for each in kinds_of_motion(kind) for one in near),
    )


def _stated(sets: StudySet, condition: Condition) -> str:
    match condition:
        case AnyOf(conditions):
            return sets.some([_stated(sets, one) for one in conditions])
        case ChangeCondition(concept):
            concepts = sets.names(_with(concept, NARROWER))
            return sets.by_rows(concepts, change_stated(condition, concepts))
        case ValueCondition(concept):
            return sets.measured(concept, _value_sql(sets, condition))
        case FindingCondition(concept, "present", None):
            return _present(sets, concept)
        case FindingCondition(concept, "present", (low, high)):
            graded = sets.fact(
                _with(concept, NARROWER),
                f"f.polarity = 'present' and f.severity_lo >= {low:d} and f.severity_hi <= {high:d}",
            )
            if low > 0:
                return graded
            # 中等度未満: absence satisfies too, and "nothing significant" where a trivial one would
            names = "('absent', 'not_significant')" if high >= 1 else "('absent')"
            own = sets.fact(_of_all_walls([concept]), f"f.polarity in {names}")
            broad = sets.every([_absent(sets, concept, names), sets.no(_present(sets, concept))])  # 弁膜症なし
            return sets.some([graded, own, broad])
        case FindingCondition(concept, "absent"):
            return sets.every([_absent(sets, concept), sets.no(_present(sets, concept))])
        case FindingCondition(concept, polarity):
            return sets.fact([concept], f"f.polarity = {sets.name(polarity)}")


def _denied(sets: StudySet, condition: Condition) -> str:
    """The studies whose report excludes it; of use only for those that do not state it."""
    match condition:
        case AnyOf(conditions):
            return sets.every([_denied(sets, one) for one in conditions])
        case ChangeCondition(concept):
            concepts = sets.names(_with(concept, NARROWER))
            return sets.by_rows(concepts, change_compared(condition, concepts))
        case ValueCondition(concept):
            return sets.measured(concept, f"f.value is not null and not ({_value_sql(sets, condition)})")
        case FindingCondition(concept, "present", None):
            return _absent(sets, concept, "('absent', 'not_significant')")
        case FindingCondition(concept, "present", (low, high)):
            other = f"f.polarity = 'present' and (f.severity_hi < {low:d} or f.severity_lo > {high:d})"
            graded = sets.fact(_with(concept, NARROWER), f"({other})")
            if low <= 0:
                return graded
            none = f"(f.polarity = 'absent' or f.polarity = 'not_significant' and {low:d} > 1)"
            return sets.some([graded, sets.fact(denials_of(concept), none)])
        case FindingCondition(concept, "absent"):
            return _present(sets, concept)
        case FindingCondition():
            return sets.nothing


def _value_sql(sets: StudySet, condition: ValueCondition) -> str:
    end = condition.value if condition.value_hi is None else condition.value_hi
    return _VALUE_SQL[condition.op].format(sets.number(condition.value), sets.number(end))


def _present(sets: StudySet, concept: str) -> str:
    return sets.fact(_with(concept, NARROWER), "f.polarity = 'present'")


def _absent(sets: StudySet, concept: str, polarities: str = "('absent')") -> str:
    return sets.fact(denials_of(concept), f"f.polarity in {polarities}")


def denials_of(concept: str) -> list[str]:
    """Return the names whose absence denies a finding: its own, and broader ones."""
    return _of_all_walls(_with(concept, BROADER))


def _of_all_walls(concepts: Sequence[str]) -> list[str]:
    """Return the concepts, those of wall motion where no wall is named: 側壁は正常 denies no other akinesis."""
    return [of_wall(one, NAMED_NOWHERE) if one in MOTION else one for one in concepts]


def _with(concept: str, also: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [concept, *also.get(concept, ())]
