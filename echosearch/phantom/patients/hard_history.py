"""Patients of the hard level: half of them normal and much alike, the others with continuous severities, features that
need order or colour, treatment between studies, and readers who differ.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from echosearch.phantom.heart.anatomy import Anatomy
from echosearch.phantom.heart.disease import PHENOTYPES, consistent, first_findings, later_findings
from echosearch.phantom.heart.features import Features
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.heart.rhythm import Rhythm
from echosearch.phantom.patients.hard_study import HardStudy
from echosearch.phantom.patients.history import (
    PhantomPatient,
    PhantomStudy,
    drawn_anatomy,
    drawn_patient,
    examined,
)
from echosearch.phantom.patients.machine import LOOKS
from echosearch.phantom.patients.readers import READERS, read_by, unsaid_by, with_severities

__all__ = ["NORMAL", "hard_history"]

NORMAL = 0.5  # share of the patients
_DISEASED = tuple((kind, share) for kind, share in PHENOTYPES if kind != "normal")
_ALIKE = 0.35  # spread of normal hearts' sizes, as a share of that of all
_SIZES = ("body", "lv_length", "lv_radius", "wall", "la", "ra", "rv", "aorta")
_CLIPS = (8, 60)
_UNCHANGED = 0.35  # share of the studies without a change whose report says only that


def hard_history(seed: int, patient: int) -> tuple[PhantomStudy, ...]:
    """Return all studies of a patient of the hard level, oldest first: one to four."""
    rng = np.random.default_rng([seed, patient, 8800])
    who = replace(drawn_patient(seed, patient, rng), level="hard")
    normal = bool(rng.random() < NORMAL)
    anatomy = drawn_anatomy(who.sex, rng)
    anatomy = _alike(anatomy) if normal else anatomy
    findings = _normal(rng) if normal else first_findings(_kind(rng), rng)
    features = Features() if normal else _features(rng)
    findings = _fitting(findings, features)
    rhythm = _rhythm(normal, features, rng)
    day = date(2014, 1, 6) + timedelta(days=int(rng.integers(365 * 6)))
    machine = int(rng.integers(len(LOOKS)))
    studies: list[PhantomStudy] = []
    for number in range(int(rng.choice([1, 2, 3, 4], p=[0.40, 0.32, 0.18, 0.10]))):
        before = studies[-1].findings if studies else None
        if before is None:
            findings = with_severities(findings, rng)
        else:
            day += timedelta(days=int(rng.integers(90, 720)))
            machine = machine if rng.random() < 0.7 else int(rng.integers(len(LOOKS)))
            findings, features, anatomy = _later(before, features, anatomy, who, normal, rng)
        study = examined(who, anatomy, number, day, findings, before, LOOKS[machine], rng)
        studies.append(replace(study, hard=_hard(study, normal, features, rhythm, rng)))
    return tuple(studies)


def _kind(rng: np.random.Generator) -> str:
    shares = np.array([share for _, share in _DISEASED])
    return _DISEASED[int(rng.choice(len(_DISEASED), p=shares / shares.sum()))][0]


def _alike(anatomy: Anatomy) -> Anatomy:
    near: dict[str, Any] = {name: 1.0 + _ALIKE * (getattr(anatomy, name) - 1.0) for name in _SIZES}
    return replace(anatomy, **near)


def _normal(rng: np.random.Generator) -> Findings:
    """Traces at most."""
    traces = {name: int(rng.random() < share) for name, share in (("mr", 0.3), ("tr", 0.35), ("ar", 0.12))}
    return Findings(ef=round(float(np.clip(rng.normal(64, 3), 56, 72)), 1), **traces)  # type: ignore[arg-type]


def _features(rng: np.random.Generator) -> Features:
    what = str(rng.choice(["none", "septal", "shunt", "transplant"], p=[0.46, 0.26, 0.22, 0.06]))
    first = bool(rng.random() < 0.5)
    return Features(
        septal=("early" if first else "late") if what == "septal" else "none",
        shunt=("left-right" if first else "right-left") if what == "shunt" else "none",
        transplant=what == "transplant",
    )


def _fitting(findings: Findings, features: Features) -> Findings:
    """Return the findings that a heart with these features can have."""
    f = vars(findings)
    if features.septal != "none":  # nothing else of the ventricle tells early from late
        f = f | {"dyssynchrony": 0, "wall_motion": 0, "rv_dilation": min(findings.rv_dilation, 1)}
    if features.icd:
        f = f | {"pacemaker": 4}
    if features.tavi:
        f = f | {"prosthetic_valve": 4, "prosthesis": "aortic"}
    if features.clip:
        f = f | {"mr": min(findings.mr, 2), "ms": 0}
    if features.lvad:
        f = f | {"ef": min(findings.ef, 25.0), "lv_dilation": max(findings.lv_dilation, 3)}
    return consistent(f)


def _rhythm(normal: bool, features: Features, rng: np.random.Generator) -> Rhythm:
    drawn = rng.random()
    if features.septal != "none":  # phase linear in time, so that early and late mirror each other
        return "sinus"
    if drawn < (0.0 if normal else 0.22):
        return "af"
    return "extrasystole" if drawn > 0.92 else "sinus"


def _later(
    before: Findings,
    features: Features,
    anatomy: Anatomy,
    who: PhantomPatient,
    normal: bool,
    rng: np.random.Generator,
) -> tuple[Findings, Features, Anatomy]:
    """Return the heart at the next study: mostly the same; treated, transplanted, recovered or worse."""
    steady = replace(before, ef=round(float(np.clip(before.ef + rng.normal(0, 1.0), 15, 74)), 1))
    if normal or rng.random() < 0.25:
        return steady, features, anatomy
    grades, drawn = before.grades(), rng.random()
    operated = bool(before.prosthetic_valve)
    if before.ef < 30 and not features.lvad and drawn < 0.45:
        if drawn < 0.2:
            donor = replace(drawn_anatomy(who.sex, rng), depth=anatomy.depth, echogenicity=anatomy.echogenicity)
            new = _normal(rng)
            return with_severities(new, rng), Features(transplant=True), donor
        features = replace(features, lvad=True, icd=True)
    elif before.ef < 42 and drawn < 0.75 and not (before.wall_motion >= 3 or features.lvad):
        risen = replace(steady, ef=round(min(before.ef + float(rng.uniform(12, 25)), 58.0), 1))
        return replace(consistent(vars(risen)), severities=before.severities), features, anatomy
    elif before.ef < 36 and not features.icd:
        features = replace(features, icd=True)
    elif grades["mr"] >= 3 and not operated and drawn < 0.7:
        features = replace(features, clip=True)
    elif grades["as"] >= 3 and not operated and drawn < 0.8:
        features = replace(features, tavi=True)
    else:
        worse = later_findings(replace(steady, severities=()), rng)
        return with_severities(_fitting(worse, features), rng), features, anatomy
    return with_severities(_fitting(replace(steady, severities=()), features), rng), features, anatomy


def _hard(study: PhantomStudy, normal: bool, features: Features, rhythm: Rhythm, rng: np.random.Generator) -> HardStudy:
    reader = int(rng.integers(READERS))
    before, now = study.before, study.findings
    read = read_by(reader, now, rng)
    unchanged = before is not None and before.grades() == now.grades() and abs(before.ef - now.ef) < 3
    low, high = _CLIPS
    return HardStudy(
        normal=normal,
        features=features,
        rhythm=rhythm,
        window=float(rng.beta(3.0, 1.6)),
        clips=int(np.clip(low + rng.exponential(9.0), low, high)),
        reader=reader,
        read=read,
        unsaid=unsaid_by(reader, read, features, rng),
        only_unchanged=unchanged and bool(rng.random() < _UNCHANGED),
        recovered=max(now.ef - before.ef, 0.0) if before is not None else 0.0,
    )
