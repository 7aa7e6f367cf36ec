"""Reports that are wrong: they state what the heart does not have, deny or omit what it has, or give another grade or
EF. The pictures and the measurement object stay true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.phrase import Phrase

__all__ = ["WrongReport", "wrong_report"]

Phrases = Callable[[PhantomStudy], tuple[Phrase, ...]]

_GRADED = ("mr", "ar", "tr", "as", "ms")  # whose statements always give the grade
_STATED = (*_GRADED, "lv_dilation", "la_dilation", "ra_dilation", "rv_dilation", "pericardial_effusion", "pacemaker")
_DENIED = (*_STATED, "lv_hypertrophy", "wall_motion", "prosthetic_valve")
_THERE_OR_NOT = ("pacemaker", "prosthetic_valve")
_EF = (15.0, 25.0)  # points that a wrong EF is off


@dataclass(frozen=True)
class WrongReport:
    """A report that disagrees with the heart in one concept."""

    kind: str  # states, denies, omits, grade, ef
    concept: str  # a column of truth.csv
    true: float
    stated: float | None  # None: the report does not mention it
    said: str  # the statements about the concept
    study: PhantomStudy  # the heart that the report describes


def wrong_report(study: PhantomStudy, phrases: Phrases) -> WrongReport | None:
    """Draw what the study's report is to get wrong; ``phrases`` words a report. None where no attempt was clear."""
    rng = np.random.default_rng([study.seed, study.patient, study.number, 7022])
    for _ in range(20):
        kind = str(rng.choice(["states", "denies", "grade", "ef"], p=[0.3, 0.35, 0.2, 0.15]))
        made = _ef(study, phrases, rng) if kind == "ef" else _finding(study, kind, phrases, rng)
        if made is not None:
            return made
    return None


def _ef(study: PhantomStudy, phrases: Phrases, rng: np.random.Generator) -> WrongReport | None:
    true = study.findings.ef
    stated = true + float(rng.uniform(*_EF)) * (1 if true < 45 else -1)
    told = replace(study, findings=replace(study.findings, ef=round(stated, 1)))
    number = str(round(told.findings.ef))
    said = [phrase.text for phrase in phrases(told) if "ef" in phrase.about]
    if not any(number in _narrow(text) for text in said):
        return None
    return WrongReport("ef", "ef", true, float(number), "。".join(said), told)


def _finding(study: PhantomStudy, kind: str, phrases: Phrases, rng: np.random.Generator) -> WrongReport | None:
    grades = study.findings.grades()
    names = {"states": _STATED, "denies": _DENIED, "grade": _GRADED}[kind]
    least = {"states": 0, "denies": 2, "grade": 1}[kind]
    wanted = [name for name in names if (grades[name] >= least if least else grades[name] == 0)]
    if not wanted:
        return None
    name = str(rng.choice(wanted))
    true = grades[name]
    match kind:
        case "states":
            stated = 4 if name in _THERE_OR_NOT else int(rng.integers(3, 5))
        case "denies":
            stated = 0
        case _:
            stated = true + 2 if true <= 2 else true - 2
    if kind == "grade" and stated < 2:  # a trace may go unsaid
        return None
    told = replace(study, findings=study.findings.graded(name, stated))
    said = "。".join(phrase.text for phrase in phrases(told) if name in phrase.about)
    if not said:
        return WrongReport("omits", name, true, None, "", told) if kind == "denies" else None
    return WrongReport(kind, name, true, stated, said, told)


def _narrow(text: str) -> str:
    return text.translate(str.maketrans("０１２３４５６７８９", "0123456789"))
