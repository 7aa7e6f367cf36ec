"""Where -> a set of studies, for conditions on a study's own fields, and where the set has them on its videos'."""

from __future__ import annotations

from echosearch.db.studies.study_sets import StudySet
from echosearch.filters import FIELDS, And, Comparison, Field, Not, Or, Where

__all__ = ["STUDY_FIELDS", "study_filter"]

STUDY_FIELDS: frozenset[Field] = frozenset(("sex", "age", "month"))


def study_filter(sets: StudySet, where: Where) -> str:
    """The studies that meet ``where``. Unknown values match no comparison, as in the index."""
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
