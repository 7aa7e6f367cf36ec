"""A finding as a sentence mentions it, and what its cues make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from echosearch.report.facts.lexicon.lexicon import Finding

__all__ = ["Link", "Mention", "Polarity", "Value"]

Polarity = Literal["present", "absent", "not_significant", "uncertain", "not_assessed", "historical"]
Link = Literal["none", "weak", "strong"]  # to the mention before: apart, behind a comma, coordinated
_SEEN = ("valve", "size", "motion")  # groups
_FIXED = {"absent": (0, 0), "not_significant": (0, 1)}


@dataclass
class Mention:
    """One finding in one sentence, while the sentence is read."""

    finding: Finding
    start: int
    end: int
    link: Link = "none"
    severity: tuple[int, int] | None = None
    graded: bool = False  # its severity is its own, not one shared over a list
    significant: bool = False  # 有意な stands before it
    new: bool = False  # 新たな stands before it
    historical: bool = False
    dropped: bool = False
    either: bool = False  # joined to the mention before by または
    excluded: bool = False
    suspected_too: bool = False  # of a query: a suspicion of it is enough
    grades: tuple[tuple[int, int], ...] = ()  # of a query: one of these is enough
    earlier_grade: bool = False  # its grade was said of an earlier state: 前回中等度であったMR
    shared: bool = False  # one of several under a shared head
    treats: Mention | None = None  # the lesion that an operation was done for
    depth: int = 0  # of brackets
    start_at: int = 0  # in the whole text, where several sentences are read
    walls: tuple[str, ...] = ()  # that its words name, of an abnormality of wall motion
    wall_clauses: tuple[tuple[str, ...], ...] = ()  # of a query: of each of these, one wall is enough
    other_walls: tuple[str, ...] = ()  # that its words leave out: 下壁以外
    cues: list[str] = field(default_factory=list)

    @property
    def end_at(self) -> int:
        """Where its words end in the whole text."""
        return self.start_at + self.end - self.start

    @property
    def polarity(self) -> Polarity:
        cues = self.cues
        if self.historical or "history" in cues:
            return "historical"
        if "unassessed" in cues:
            return "not_assessed"
        if "undenied" in cues:
            return "uncertain"
        negative = len(cues) - 1 - cues[::-1].index("negative") if "negative" in cues else -1
        if "suspected" in cues and not cues.index("suspected") < negative:
            return "absent" if self.finding.polarity == "absent" else "uncertain"  # HFpEF疑い: its EF is not low
        if "insignificant" in cues:
            return "not_significant"
        if negative >= 0:
            return "not_significant" if self.significant else "absent"
        return "absent" if self.finding.polarity == "absent" or "normal" in cues else "present"

    @property
    def seen(self) -> bool:
        """Whether it is there even where it is doubted that it is a cause; a disease is only supposed."""
        return self.finding.group in _SEEN or self.finding.implant or self.finding.concept == "af"

    @property
    def grade(self) -> tuple[int, int] | None:
        """The severity of the fact: fixed by an absent finding, else as stated."""
        polarity = self.polarity
        if polarity == "not_assessed":
            return None
        return _FIXED.get(polarity, self.severity)


@dataclass
class Value:
    """One measurement in one sentence."""

    measure: str
    start: int
    end: int
    value: float | None
    high: float | None = None
    unit: str | None = None
    op: str | None = None
    historical: bool = False
    excluded: bool = False
    either: bool = False
    start_at: int = 0  # in the whole text, where several sentences are read

    @property
    def end_at(self) -> int:
        """Where its words end in the whole text."""
        return self.start_at + self.end - self.start

    @property
    def polarity(self) -> Polarity:
        if self.value is None:
            return "not_assessed"
        return "historical" if self.historical else "present"
