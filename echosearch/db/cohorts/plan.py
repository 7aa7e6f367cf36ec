"""What a cohort asks of every study, in order: the criteria, the filter, and which studies of a patient are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from echosearch.db.questions.fact_conditions import Condition
from echosearch.filters import Where
from echosearch.report.facts import FindingCondition

__all__ = ["PER_PATIENT", "Criterion", "Excluded", "PerPatient", "Plan", "Stated", "Window"]

PerPatient = Literal["all", "first", "last", "random"]
PER_PATIENT: tuple[PerPatient, ...] = ("all", "first", "last", "random")


@dataclass(frozen=True)
class Stated:
    """The study's report, or a measurement of it, states this."""

    condition: Condition


@dataclass(frozen=True)
class Excluded:
    """The study's report does not state this."""

    condition: FindingCondition


@dataclass(frozen=True)
class Window:
    """Another study of the patient states all of these, at most ``length`` days or months before or after this one.

    "after" begins with the study's own day (or month), "before" ends with the one before it. ``absent``: no other
    study does. A study without a date meets no window. ``text`` is what the conditions were read from, and only shown.
    """

    conditions: tuple[Condition, ...]
    side: Literal["before", "after"]
    length: int
    unit: Literal["days", "months"]
    absent: bool = False
    text: str = field(default="", compare=False)


Criterion = Stated | Excluded | Window  # change over time (EF fell by 10 in a year) belongs here too


@dataclass(frozen=True)
class Plan:
    """A cohort as the database is asked for it."""

    criteria: tuple[Criterion, ...]
    where: Where | None = None
    per_patient: PerPatient = "all"
    seed: int = 0  # of "random"
    scope: Where | None = None  # the studies that may be seen: there are no others
    studies: tuple[str, ...] = ()  # keys: if any are given there are no others

    @property
    def required(self) -> tuple[Condition, ...]:
        """What must be stated of the study itself."""
        return tuple(one.condition for one in self.criteria if isinstance(one, Stated))

    @property
    def excluded(self) -> tuple[FindingCondition, ...]:
        return tuple(one.condition for one in self.criteria if isinstance(one, Excluded))

    @property
    def windows(self) -> tuple[Window, ...]:
        return tuple(one for one in self.criteria if isinstance(one, Window))

    @property
    def needs_days(self) -> bool:
        return any(window.unit == "days" for window in self.windows)
