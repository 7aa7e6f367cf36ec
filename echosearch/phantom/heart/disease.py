"""Draw findings that come together, and their course: consequences are likely, never certain.

A large left atrium goes with mitral disease but not always, so that a model has to see the leak itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from echosearch.phantom.heart.findings import Findings

__all__ = ["PHENOTYPES", "consistent", "first_findings", "later_findings"]

PHENOTYPES: tuple[tuple[str, float], ...] = (
    ("normal", 0.17),
    ("mitral leak", 0.13),
    ("mitral stenosis", 0.08),
    ("aortic stenosis", 0.11),
    ("aortic leak", 0.10),
    ("right heart", 0.11),
    ("dilated", 0.10),
    ("ischaemic", 0.11),
    ("hypertrophic", 0.09),
)


def _grade(rng: np.random.Generator, *weights: float) -> int:
    """A grade from 0 on, with these weights."""
    p = np.array(weights) / sum(weights)
    return int(rng.choice(len(p), p=p))


_Draw = Callable[[np.random.Generator, dict[str, Any]], Any]  # of one finding, with those that are drawn already


def _graded(*weights: float) -> _Draw:
    return lambda rng, _drawn: _grade(rng, *weights)


# what a phenotype changes of a usual heart, in the order in which it is drawn
_DRAWS: dict[str, dict[str, _Draw]] = {
    "normal": {},
    "mitral leak": {
        "mr": _graded(0, 0, 20, 35, 45),
        "la_dilation": _graded(22, 5, 28, 27, 18),
        "lv_dilation": _graded(60, 6, 18, 12, 4),
    },
    "mitral stenosis": {
        "ms": _graded(0, 8, 30, 32, 30),
        "la_dilation": _graded(14, 4, 20, 32, 30),
        "lv_dilation": lambda _rng, _drawn: 0,
    },
    "aortic stenosis": {
        "aortic_stenosis": _graded(0, 8, 27, 32, 33),
        "lv_hypertrophy": _graded(35, 8, 26, 22, 9),
    },
    "aortic leak": {
        "ar": _graded(0, 0, 28, 36, 36),
        "lv_dilation": _graded(48, 6, 22, 16, 8),
    },
    "right heart": {
        "tr": _graded(8, 6, 18, 32, 36),
        "ra_dilation": _graded(20, 4, 22, 30, 24),
        "rv_dilation": _graded(22, 4, 22, 30, 22),
    },
    "dilated": {
        "ef": lambda rng, _drawn: float(rng.uniform(15, 42)),
        "lv_dilation": _graded(8, 4, 24, 34, 30),
        "mr": _graded(25, 20, 28, 18, 9),
        "la_dilation": _graded(25, 6, 30, 26, 13),
        "dyssynchrony": lambda rng, _drawn: 0 if rng.random() < 0.55 else int(rng.integers(2, 5)),
    },
    "ischaemic": {
        "wall_motion": _graded(0, 18, 28, 30, 24),
        "ef": lambda rng, drawn: float(rng.normal((0, 57, 51, 43, 37)[drawn["wall_motion"]], 5)),
        "lv_dilation": _graded(62, 6, 18, 10, 4),
    },
    "hypertrophic": {
        "lv_hypertrophy": _graded(0, 6, 28, 36, 30),
        "la_dilation": _graded(45, 6, 28, 15, 6),
    },
}


def first_findings(kind: str, rng: np.random.Generator) -> Findings:
    """Draw the findings of a patient's first study, from a phenotype."""
    f: dict[str, Any] = {
        "ef": float(np.clip(rng.normal(62, 6), 50, 74)),
        "mr": _grade(rng, 50, 28, 14, 5, 2),
        "ar": _grade(rng, 66, 20, 9, 3, 1),
        "tr": _grade(rng, 46, 32, 14, 5, 2),
        "aortic_stenosis": _grade(rng, 92, 3, 2, 1.5, 1),
        "lv_dilation": _grade(rng, 88, 4, 4, 3, 1),
        "lv_hypertrophy": _grade(rng, 78, 6, 8, 5, 2),
        "la_dilation": _grade(rng, 66, 6, 14, 9, 4),
        "ra_dilation": _grade(rng, 82, 4, 7, 4, 2),
        "rv_dilation": _grade(rng, 88, 3, 4, 3, 1),
        "pericardial_effusion": _grade(rng, 82, 6, 6, 4, 3),
        "pacemaker": 4 * int(rng.random() < 0.08),
        "dyssynchrony": 0 if rng.random() < 0.96 else int(rng.integers(2, 5)),
        "territory": str(rng.choice(["LAD", "RCA", "LCX"], p=[0.5, 0.3, 0.2])),
        "mr_jet": "wall" if rng.random() < 0.3 else "central",
    }
    for name, draw in _DRAWS[kind].items():
        f[name] = draw(rng, f)
    if f["dyssynchrony"] and kind != "dilated":
        f["ef"] = min(f["ef"], float(rng.uniform(35, 55)))
    if rng.random() < 0.05:
        f |= {"prosthetic_valve": 4, "prosthesis": str(rng.choice(["mitral", "aortic"]))}
    return consistent(f)


def later_findings(before: Findings, rng: np.random.Generator) -> Findings:
    """Draw the same heart some months later: mostly the same, sometimes worse, operated on, paced, or better."""
    f = {name: getattr(before, name) for name in Findings.__dataclass_fields__}
    f["ef"] = before.ef + float(rng.normal(0, 2.0))
    severe = [("mr", "mitral"), ("ms", "mitral"), ("aortic_stenosis", "aortic"), ("ar", "aortic")]
    due = [valve for name, valve in severe if f[name] >= (3 if name == "aortic_stenosis" else 4)]
    if due and not f["prosthetic_valve"] and rng.random() < 0.45:
        f |= {
            "prosthetic_valve": 4,
            "prosthesis": due[0],
            "mr": min(f["mr"], 1),
            "la_dilation": max(f["la_dilation"] - 1, 0),
        }
        f["pericardial_effusion"] = max(f["pericardial_effusion"], _grade(rng, 60, 20, 15, 5))
    elif rng.random() < 0.40:
        worse = [n for n in ("mr", "ar", "tr", "aortic_stenosis", "ms", "la_dilation", "lv_dilation") if 1 < f[n] < 4]
        if worse:
            name = str(rng.choice(worse))
            f[name] += 1
    if not f["pacemaker"] and rng.random() < (0.35 if f["ef"] < 35 or f["dyssynchrony"] else 0.04):
        f["pacemaker"] = 4
        if f["dyssynchrony"] and rng.random() < 0.6:  # resynchronised
            f |= {"dyssynchrony": 0, "ef": f["ef"] + float(rng.uniform(4, 12))}
    if f["pericardial_effusion"] and rng.random() < 0.5:
        f["pericardial_effusion"] -= 1
    return consistent(f)


def consistent(f: dict[str, Any]) -> Findings:
    """Return findings, by attribute, without one that another rules out, and with an EF that the walls can have."""
    f = dict(f)
    if f.get("prosthetic_valve"):
        if f["prosthesis"] == "mitral":
            f |= {"ms": 0, "mr": min(f["mr"], 1)}
        else:
            f |= {"aortic_stenosis": 0, "ar": min(f["ar"], 1)}
    if f.get("wall_motion"):
        f["ef"] = min(f["ef"], (0, 62, 57, 50, 44)[f["wall_motion"]])
    if f["dyssynchrony"]:
        f["ef"] = min(f["ef"], 55.0)
    if f["lv_dilation"] >= 3:
        f["ef"] = min(f["ef"], 62.0)
    return replace(Findings(), **(f | {"ef": round(float(np.clip(f["ef"], 15, 74)), 1)}))
