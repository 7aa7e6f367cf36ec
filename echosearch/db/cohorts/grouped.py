"""Conditions on facts for every study at once: one pass over the facts of the concepts concerned, grouped by study.

A condition on one study asks whether a fact exists (db/studies/fact_conditions.py); here each such question is a
column of a grouped scan, true where the study has such a fact, so that a million studies take one statement. A
change is asked of each study, as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from echosearch.db.studies.fact_conditions import ConditionSql

__all__ = ["GroupedSql"]


@dataclass
class GroupedSql(ConditionSql):
    """As ConditionSql, but its expressions are about alias ``a``, the rows of ``source``."""

    flags: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)  # concepts

    def fact(self, concept: str, condition: str, also: Mapping[str, tuple[str, ...]] | None = None) -> str:
        return self._flag([concept, *(also or {}).get(concept, ())], condition)

    def measured(self, concept: str, condition: str) -> str:
        return self._flag([concept], f"f.polarity = 'present' and {condition}")

    def _flag(self, concepts: list[str], condition: str) -> str:
        self.asked |= {*concepts}
        self.flags.append(f"f.concept = any(cast({self.name(concepts)} as text[])) and ({condition})")
        return f"coalesce(a.x{len(self.flags) - 1}, false)"

    @property
    def source(self) -> str:
        """A query of (study_key, x0, x1, ...) for every study with a fact of a concept that was asked for."""
        asked = f"concept = any(cast({self.name(sorted(self.asked))} as text[]))"
        columns = "".join(f", bool_or({flag}) as x{number}" for number, flag in enumerate(self.flags))
        return (
            f"select f.study_key{columns} from ("
            "select study_key, concept, polarity, severity_lo, severity_hi, value, value_hi from core.fact"
            f" where {asked} union all select study_key, concept, 'present', null, null, value, null"
            f" from core.sr_value where trusted and {asked}) f group by f.study_key"
        )
