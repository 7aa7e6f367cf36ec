"""A contact sheet of the hard level: what order and colour tell, marks of treatment, and cines as they are taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from echosearch.clip import Uint8
from echosearch.phantom.heart.features import Features
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.imaging.cine import plan_cine, render_cine
from echosearch.phantom.imaging.sheet import save_sheet
from echosearch.phantom.patients.hard_history import hard_history
from echosearch.phantom.patients.hard_study import HardStudy
from echosearch.phantom.patients.history import PhantomStudy, patient_history

__all__ = ["hard_heart", "hard_sheet"]

# what, features, findings, view, phase, colour
_FEATURES: tuple[tuple[str, Features, Findings, str, float, bool], ...] = (
    ("septal early: systole", Features(septal="early"), Findings(), "SAX", 0.20, False),
    ("septal early: relaxing", Features(septal="early"), Findings(), "SAX", 0.56, False),
    ("septal late: systole", Features(septal="late"), Findings(), "SAX", 0.20, False),
    ("septal late: relaxing", Features(septal="late"), Findings(), "SAX", 0.56, False),
    ("shunt left-right", Features(shunt="left-right"), Findings(), "4CH", 0.2, True),
    ("shunt right-left", Features(shunt="right-left"), Findings(), "4CH", 0.2, True),
    ("shunt left-right", Features(shunt="left-right"), Findings(), "LAX", 0.2, True),
    ("shunt right-left", Features(shunt="right-left"), Findings(), "LAX", 0.2, True),
    ("MitraClip", Features(clip=True), Findings(mr=2), "4CH", 0.2, False),
    ("TAVI", Features(tavi=True), Findings(prosthetic_valve=4, prosthesis="aortic"), "LAX", 0.2, False),
    ("ICD", Features(icd=True), Findings(ef=30, lv_dilation=3, pacemaker=4), "4CH", 0.0, False),
    ("LVAD", Features(lvad=True, icd=True), Findings(ef=20, lv_dilation=4, pacemaker=4), "4CH", 0.0, False),
    ("transplant", Features(transplant=True), Findings(), "4CH", 0.2, False),
)
_TAKES = 7  # of one heart, as they come


def hard_heart(features: Features, findings: Findings, window: float = 1.0, patient: int = 1) -> PhantomStudy:
    """Return a study of the hard level with these features and findings, in sinus rhythm."""
    hard = HardStudy(False, features, "sinus", window, 8, 0, findings, frozenset(), False)
    first = patient_history(2, patient)[0]
    return replace(first, findings=findings, study_date=date(2020, 1, 1), hard=hard)


def hard_sheet(out_png: Path, seed: int, shrink: float = 0.5) -> None:
    """Draw the features one by one, then one heart taken again and again."""
    tiles = [
        (f"{label} ({view})", _at(hard_heart(features, findings), view, phase, color))
        for label, features, findings, view, phase, color in _FEATURES
    ]
    study = hard_history(seed, 3)[0]
    poor = replace(study, hard=replace(study.hard, window=0.3)) if study.hard else study
    tiles += [(f"4CH, take {take + 1}", _at(poor, "4CH", 0.0, False, take)) for take in range(_TAKES)]
    save_sheet(out_png, tiles, columns=5, shrink=shrink)


def _at(study: PhantomStudy, view: str, phase: float, color: bool, take: int = 0) -> Uint8:
    beats = plan_cine(study, view, color, take=take).phase
    away = np.abs((beats - phase + 0.5) % 1.0 - 0.5)
    frame: Uint8 = render_cine(study, view, color, take=take)[int(away.argmin())]
    return frame
