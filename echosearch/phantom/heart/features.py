"""What a hard phantom's heart has beside graded findings: two that single frames or grey levels cannot tell, and marks
of treatment.

Septal motion is told by order in time only: the septum moves inwards for a moment, early in systole or in early
diastole. The ventricle of such a heart relaxes as it contracts, in reverse, so that a cine of the one kind played
backwards is a cine of the other. A shunt's direction is told by the colour of its flow only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from echosearch.phantom.heart.cycle import Floats, contraction

__all__ = ["FEATURES", "MIRROR", "Features", "Septal", "Shunt", "bounce", "feature_grades", "reversible"]

Septal = Literal["none", "early", "late"]
Shunt = Literal["none", "left-right", "right-left"]

MIRROR = 0.76  # phase t has the contraction of phase MIRROR - t
_PEAK, _AFTER = 0.36, 0.97  # phases of the usual cycle: contraction is 1; it is 0 again
_FROM, _UNTIL = 0.08, 0.32  # phases of the early inward motion


@dataclass(frozen=True)
class Features:
    septal: Septal = "none"
    shunt: Shunt = "none"  # through a ventricular septal defect
    transplant: bool = False  # a donor's heart, sutured in the atria
    clip: bool = False  # on the mitral valve
    tavi: bool = False  # an aortic prosthesis in a stent
    icd: bool = False  # a lead with a thick coil
    lvad: bool = False  # a pump's cannula in the apex


def feature_grades(features: Features) -> dict[str, int]:
    """Return each feature as truth.csv has it: 0 or 4, there or not."""
    there = {
        "septal_early": features.septal == "early",
        "septal_late": features.septal == "late",
        "shunt_left_right": features.shunt == "left-right",
        "shunt_right_left": features.shunt == "right-left",
        "transplant": features.transplant,
        "repair_clip": features.clip,
        "tavi": features.tavi,
        "icd": features.icd,
        "lvad": features.lvad,
    }
    return {name: 4 * int(is_there) for name, is_there in there.items()}


FEATURES = tuple(feature_grades(Features()))


def reversible(phase: Floats) -> Floats:
    """Return the phases of the usual cycle at which a heart is that relaxes as it contracts, in reverse; in cycles.

    ``contraction`` of the result is the same at t and at MIRROR - t.
    """
    whole = np.floor(phase)
    t = phase - whole
    falling = np.linspace(_PEAK, _AFTER, 2000)
    back = np.interp(-contraction(np.clip(MIRROR - t, 0.0, _PEAK)), -contraction(falling), falling)
    rest = _AFTER + (1.0 - _AFTER) * np.clip((t - MIRROR) / (1.0 - MIRROR), 0.0, 1.0)
    usual = np.where(t <= _PEAK, t, np.where(t <= MIRROR, back, rest))
    moved: Floats = whole + usual
    return moved


def bounce(septal: Septal, phase: Floats) -> Floats:
    """Return the septum's inward motion, 0 to 1: "late" at phase MIRROR - t is "early" at t."""
    if septal == "none":
        return np.zeros_like(phase)
    t = np.mod(phase, 1.0)
    t = MIRROR - t if septal == "late" else t
    moved: Floats = np.sin(np.pi * np.clip((t - _FROM) / (_UNTIL - _FROM), 0.0, 1.0)) ** 2
    return moved
