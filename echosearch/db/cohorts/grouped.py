"""Conditions on facts for every study at once: one pass over the facts of the concepts concerned, grouped by study.

A condition on one study asks whether a fact exists (db/questions/fact_conditions.py); here each such question is a
column of a grouped scan, true where the study has such a fact, so that a million studies take one statement. A
change is asked of each study, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from echosearch.db.questions.study_sets import RowSet

__all__ = ["GroupedSet"]


@dataclass
class GroupedSet(RowSet):
    """As RowSet, but its expressions on facts are about alias ``a``, the rows of ``source``."""

    flags: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)  # concepts

    def fact(self, concepts: Sequence[str], condition: str) -> str:
        self.asked |= {*concepts}
        flag = f"{self.of_concepts(concepts)} and ({condition})"
        if flag not in self.flags:
            self.flags.append(flag)
        return f"coalesce(a.x{self.flags.index(flag)}, false)"

    def measured(self, concept: str, condition: str) -> str:
        return self.fact([concept], f"f.polarity = 'present' and {condition}")

    @property
    def source(self) -> str:
        """A query of (study_key, x0, x1, ...) for every study with a fact of a concept that was asked for."""
        asked = f"concept = any({self.names(sorted({concept.partition('.')[0] for concept in self.asked}))})"
        # only where a wall is asked for: it is not in the index of the rest
        walls = any("." in concept for concept in self.asked)
        columns = "".join(f", bool_or({flag}) as x{number}" for number, flag in enumerate(self.flags))
        return (
            f"select f.study_key{columns} from ("
            "select study_key, concept, polarity, severity_lo, severity_hi, value, value_hi"
            f"{', walls' if walls else ''} from core.fact"
            f" where {asked} union all select study_key, concept, 'present', null, null, value, null"
            f"{', null' if walls else ''}"
            f" from core.sr_value where trusted and {asked}) f group by f.study_key"
        )
