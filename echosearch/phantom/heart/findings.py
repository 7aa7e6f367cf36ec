"""What a phantom heart has: ejection fraction and graded findings, the truth behind both text and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

__all__ = ["FINDINGS", "Findings", "Jet", "Territory", "at_severity"]

Territory = Literal["LAD", "RCA", "LCX"]
Jet = Literal["central", "wall"]


@dataclass(frozen=True)
class Findings:
    """Grades 0 to 4.

    Leaks: 0 none, 1 trivial, 2 mild, 3 moderate, 4 severe. Stenoses, sizes and wall thickness: 1 is borderline.
    Wall motion: 1 mild hypokinesis, 2 hypokinesis, 3 akinesis, 4 dyskinesis of one territory.
    Dyssynchrony: 0 or 2 to 4. Pacemaker and prosthetic valve: 0 or 4 (there or not).
    """

    ef: float = 62.0  # percent, as the drawn ventricle's volumes give it
    mr: int = 0
    ar: int = 0
    tr: int = 0
    aortic_stenosis: int = 0  # column "as" of truth.csv
    ms: int = 0
    lv_dilation: int = 0
    lv_hypertrophy: int = 0
    la_dilation: int = 0
    ra_dilation: int = 0
    rv_dilation: int = 0
    pericardial_effusion: int = 0
    wall_motion: int = 0
    pacemaker: int = 0
    prosthetic_valve: int = 0
    dyssynchrony: int = 0
    # details behind a grade
    territory: Territory = "LAD"  # of wall_motion
    mr_jet: Jet = "central"  # "wall": an eccentric jet from a prolapsing leaflet
    prosthesis: Literal["mitral", "aortic"] = "mitral"
    # (name as in truth.csv, severity): what is drawn, if not the grade itself; the grade is the severity rounded
    severities: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not 10.0 <= self.ef <= 80.0:
            raise ValueError(f"EF {self.ef} % is not within [10, 80]")
        for name, grade in self.grades().items():
            if not 0 <= grade <= 4:
                raise ValueError(f"{name} {grade} is not a grade from 0 to 4")

    def grades(self) -> dict[str, int]:
        """Return the grade of each finding, under the column names of truth.csv."""
        return {name: int(getattr(self, _ATTRIBUTE.get(name, name))) for name in FINDINGS}

    def severity(self, name: str) -> float:
        """Return how severe a finding is drawn, 0 to 4.5: its grade, or a value that rounds to it."""
        return dict(self.severities).get(name, int(getattr(self, _ATTRIBUTE.get(name, name))))

    def graded(self, name: str, grade: int) -> Findings:
        """Return the same heart with another grade of one finding, named as in truth.csv."""
        others = tuple((other, value) for other, value in self.severities if other != name)
        return replace(self, **{_ATTRIBUTE.get(name, name): grade}, severities=others)  # type: ignore[arg-type]


_ATTRIBUTE = {"as": "aortic_stenosis"}  # "as" is a keyword in Python
_DETAILS = frozenset({"ef", "territory", "mr_jet", "prosthesis", "severities"})
FINDINGS: tuple[str, ...] = tuple(
    "as" if field.name == "aortic_stenosis" else field.name for field in fields(Findings) if field.name not in _DETAILS
)


def at_severity(table: Sequence[float], severity: float) -> float:
    """Return the value of a table by grade at a severity; between two grades it is interpolated."""
    return table[severity] if isinstance(severity, int) else float(np.interp(severity, range(len(table)), table))
