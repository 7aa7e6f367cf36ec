"""Plants: what an archive is to be searched for. Hearts that change between studies, and reports that are wrong.

Every change between consecutive studies is listed, whether planted here or part of a patient's ordinary history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from echosearch.errors import InputError
from echosearch.phantom.heart.disease import consistent
from echosearch.phantom.heart.findings import FINDINGS, Findings
from echosearch.phantom.patients.history import PhantomPatient, PhantomStudy, examined, patient_history

__all__ = ["EF_POINTS", "PlantedChange", "Plants", "changes_of", "parse_plants", "planted_history"]

EF_POINTS = 10.0  # an ejection fraction that falls or rises by as much has changed
_LEAKS = ("mr", "ar", "tr", "as", "ms")
_WITHIN_A_YEAR = 0.7  # of the planted changes


@dataclass(frozen=True)
class Plants:
    """Shares, 0 to 1: of patients whose heart changes between two studies, of studies whose report is wrong, and of
    studies without a change whose report says little more than that.
    """

    changes: float = 0.0
    wrong_reports: float = 0.0
    no_change_reports: float = 0.0

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if not 0.0 <= share <= 1.0:
                raise InputError(f"plant {name.replace('_', '-')} is {share:g}: it is a share from 0 to 1")

    def __str__(self) -> str:
        """As parse_plants reads it."""
        return ",".join(f"{name.replace('_', '-')}={share:g}" for name, share in vars(self).items() if share)


@dataclass(frozen=True)
class PlantedChange:
    """What differs between two consecutive studies of a patient."""

    kind: str  # progression, regression, surgery, device, ef-fall, recovery, new-effusion
    concept: str  # a column of truth.csv
    earlier: PhantomStudy
    later: PhantomStudy
    value_from: float
    value_to: float

    @property
    def days(self) -> int:
        return (self.later.study_date - self.earlier.study_date).days


def parse_plants(text: str) -> Plants:
    """Read ``changes=0.4,wrong-reports=0.1``. Raises InputError with the names that there are."""
    names = [field.name.replace("_", "-") for field in fields(Plants)]
    given: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        if name not in names:
            raise InputError(
                f"plant {name!r}: it is one of {', '.join(names)}, each with a share, such as {names[0]}=0.4"
            )
        try:
            given[name.replace("-", "_")] = float(share)
        except ValueError:
            raise InputError(f"plant {name} is {share!r}: it is a share from 0 to 1") from None
    return Plants(**given)


def planted_history(seed: int, patient: int, plants: Plants) -> tuple[PhantomStudy, ...]:
    """Return a patient's studies; in ``plants.changes`` of the patients one change is planted, the last one.

    The studies before the change are those of patient_history; a patient with one study gets a second.
    """
    usual = patient_history(seed, patient)
    rng = np.random.default_rng([seed, patient, 7021])
    if rng.random() >= plants.changes:
        return usual
    at = int(rng.integers(1, max(len(usual), 2)))  # number of the study that shows the change
    before = usual[at - 1]
    near = rng.random() < _WITHIN_A_YEAR
    day = before.study_date + timedelta(days=int(rng.integers(60, 360) if near else rng.integers(400, 720)))
    findings = _changed(before.findings, rng)
    studies = [*usual[:at]]
    for number in range(at, max(len(usual), 2)):
        last = studies[-1]
        if number > at:
            day = last.study_date + timedelta(days=int(rng.integers(90, 720)))
            findings = _settled(findings, rng)
        look = usual[number].look if number < len(usual) else last.look
        studies.append(examined(_who(last), last.anatomy, number, day, findings, last.findings, look, rng))
    return tuple(studies)


def _who(study: PhantomStudy) -> PhantomPatient:
    assert study.who is not None  # of patient_history
    return study.who


def _settled(f: Findings, rng: np.random.Generator) -> Findings:
    """The same heart: its EF is measured a little differently."""
    return replace(f, ef=round(float(np.clip(f.ef + rng.normal(0, 1.0), 15, 74)), 1))


def _changed(f: Findings, rng: np.random.Generator) -> Findings:
    """One change that this heart can have."""
    grades = f.grades()
    worse = [name for name in _LEAKS if 1 <= grades[name] <= 3 and not (f.prosthetic_valve and name != "tr")]
    due = [valve for name, valve in _VALVES if grades[name] >= 3 and not f.prosthetic_valve]
    can = {
        "progression": bool(worse),
        "surgery": bool(due),
        "device": not f.pacemaker,
        "ef-fall": f.ef >= 40,
        "recovery": f.ef <= 45 and f.wall_motion <= 2 and not f.dyssynchrony,
        "new-effusion": f.pericardial_effusion == 0,
    }
    match str(rng.choice([kind for kind, possible in can.items() if possible])):
        case "progression":
            name = "mr" if "mr" in worse and rng.random() < 0.5 else str(rng.choice(worse))
            f = f.graded(name, grades[name] + 1)
        case "surgery":
            valve: Any = str(rng.choice(due))
            f = replace(f, prosthetic_valve=4, prosthesis=valve)
        case "device":
            f = replace(f, pacemaker=4)
        case "ef-fall":
            f = replace(f, ef=f.ef - float(rng.uniform(12, min(25, f.ef - 20))))
        case "recovery":
            f = replace(f, ef=f.ef + float(rng.uniform(12, 18)))
        case "new-effusion":
            f = replace(f, pericardial_effusion=int(rng.integers(2, 5)))
    return consistent(vars(f))


_VALVES = (("mr", "mitral"), ("ms", "mitral"), ("as", "aortic"), ("ar", "aortic"))


def changes_of(studies: list[PhantomStudy]) -> Iterator[PlantedChange]:
    """Yield every change between consecutive studies of a patient, in order; ``studies`` patient by patient."""
    for earlier, later in pairwise(studies):
        if earlier.patient != later.patient:
            continue
        one, two = earlier.findings, later.findings
        if abs(two.ef - one.ef) >= EF_POINTS:
            yield PlantedChange("ef-fall" if two.ef < one.ef else "recovery", "ef", earlier, later, one.ef, two.ef)
        for name in FINDINGS:
            first, second = one.grades()[name], two.grades()[name]
            if first != second:
                yield PlantedChange(_kind(name, first, second), name, earlier, later, first, second)


def _kind(name: str, first: int, second: int) -> str:
    if second < first:
        return "regression"
    if name == "prosthetic_valve":
        return "surgery"
    if name == "pacemaker":
        return "device"
    return "new-effusion" if name == "pericardial_effusion" and first == 0 else "progression"
