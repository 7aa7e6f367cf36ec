"""Patients over time: a lasting anatomy, a disease, and studies with progress, surgery, devices.

Everything about a study follows from (seed, patient, number), so that any one can be drawn alone, in any process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

import numpy as np

from echosearch.phantom.heart.anatomy import Anatomy
from echosearch.phantom.heart.disease import PHENOTYPES, first_findings, later_findings
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.patients.hard_study import HardStudy
from echosearch.phantom.patients.machine import LOOKS, Look

__all__ = [
    "LEVELS",
    "Level",
    "PhantomPatient",
    "PhantomStudy",
    "drawn_anatomy",
    "drawn_patient",
    "examined",
    "patient_history",
]

Level = Literal["easy", "hard"]
LEVELS: tuple[Level, ...] = ("easy", "hard")


@dataclass(frozen=True)
class PhantomPatient:
    """A patient who does not exist: the ids say so."""

    seed: int
    number: int
    sex: Literal["M", "F"]
    birth_date: date
    name: tuple[str, str, str]  # alphabetic, ideographic, phonetic component group
    level: Level = "easy"

    @property
    def patient_id(self) -> str:
        return f"PHANTOM-{'S' if self.level == 'easy' else 'H'}{self.seed}-{self.number:04d}"

    @property
    def issuer(self) -> str:
        return f"PHANTOM-{'SEED' if self.level == 'easy' else 'HARD'}-{self.seed}"


@dataclass(frozen=True)
class PhantomStudy:
    """One examination of one patient: all that its cines, report and measurements follow from."""

    seed: int
    patient: int
    number: int
    study_date: date
    anatomy: Anatomy
    findings: Findings
    look: Look = LOOKS[0]
    heart_rate: int = 68
    depth_setting: float = 1.0
    other_view: str = "SUBCOSTAL"
    who: PhantomPatient | None = None
    before: Findings | None = None  # of the patient's previous study
    hard: HardStudy | None = None  # None at the easy level

    @property
    def accession_number(self) -> str:
        return f"{'PX' if self.hard else 'PH'}{self.seed}-{self.patient:05d}-{self.number:02d}"


_FAMILY = (
    ("Yamada", "山田", "やまだ"),
    ("Sato", "佐藤", "さとう"),
    ("Suzuki", "鈴木", "すずき"),
    ("Takahashi", "高橋", "たかはし"),
    ("Tanaka", "田中", "たなか"),
    ("Ito", "伊藤", "いとう"),
    ("Watanabe", "渡辺", "わたなべ"),
    ("Nakamura", "中村", "なかむら"),
    ("Kobayashi", "小林", "こばやし"),
    ("Kato", "加藤", "かとう"),
)
_GIVEN = {
    "M": (
        ("Taro", "太郎", "たろう"),
        ("Ichiro", "一郎", "いちろう"),
        ("Kenji", "健二", "けんじ"),
        ("Minoru", "実", "みのる"),
    ),
    "F": (
        ("Hanako", "花子", "はなこ"),
        ("Yoko", "洋子", "ようこ"),
        ("Sachiko", "幸子", "さちこ"),
        ("Megumi", "恵", "めぐみ"),
    ),
}


def drawn_patient(seed: int, number: int, rng: np.random.Generator) -> PhantomPatient:
    """Draw who a patient is."""
    sex: Literal["M", "F"] = "M" if rng.random() < 0.55 else "F"
    family = _FAMILY[int(rng.integers(len(_FAMILY)))]
    given = _GIVEN[sex][int(rng.integers(len(_GIVEN[sex])))]
    born = date(1930, 1, 1) + timedelta(days=int(rng.integers(365 * 55)))
    groups = tuple(f"{f}^{g}" for f, g in zip(family, given, strict=True))
    return PhantomPatient(seed, number, sex, born, (groups[0], groups[1], groups[2]))


def drawn_anatomy(sex: str, rng: np.random.Generator) -> Anatomy:
    """Draw a heart's lasting traits."""

    def around(spread: float) -> float:
        return float(np.clip(rng.normal(1.0, spread), 1 - 2 * spread, 1 + 2 * spread))

    return Anatomy(
        body=around(0.035) * (1.02 if sex == "M" else 0.98),
        lv_length=around(0.03),
        lv_radius=around(0.025),
        wall=around(0.05),
        la=around(0.025),
        ra=around(0.025),
        rv=around(0.035),
        aorta=around(0.06),
        apical_tilt=float(rng.normal(0, 0.07)),
        parasternal_tilt=float(rng.normal(0, 0.09)),
        depth=float(rng.uniform(0.85, 1.3)),
        echogenicity=float(rng.normal(0, 6)),
        clutter=float(rng.uniform(0.5, 1.5)),
        texture_seed=int(rng.integers(1 << 16)),
        wobble_seed=int(rng.integers(1 << 16)),
    )


def patient_history(seed: int, patient: int) -> tuple[PhantomStudy, ...]:
    """Return all studies of a patient, oldest first: one to four."""
    rng = np.random.default_rng([seed, patient])
    who = drawn_patient(seed, patient, rng)
    anatomy = drawn_anatomy(who.sex, rng)
    kind = PHENOTYPES[int(rng.choice(len(PHENOTYPES), p=[share for _, share in PHENOTYPES]))][0]
    findings = first_findings(kind, rng)
    day = date(2014, 1, 6) + timedelta(days=int(rng.integers(365 * 6)))
    machine = int(rng.integers(len(LOOKS)))
    studies: list[PhantomStudy] = []
    for number in range(int(rng.choice([1, 2, 3, 4], p=[0.40, 0.32, 0.18, 0.10]))):
        before = findings if number else None
        if number:
            findings = later_findings(findings, rng)
            day += timedelta(days=int(rng.integers(90, 720)))
            machine = machine if rng.random() < 0.7 else int(rng.integers(len(LOOKS)))
        studies.append(examined(who, anatomy, number, day, findings, before, LOOKS[machine], rng))
    return tuple(studies)


def examined(
    who: PhantomPatient,
    anatomy: Anatomy,
    number: int,
    day: date,
    findings: Findings,
    before: Findings | None,
    look: Look,
    rng: np.random.Generator,
) -> PhantomStudy:
    """Return one examination of this heart on one day."""
    # no two examinations are quite alike: loading changes sizes a little, echo windows a lot
    today = replace(anatomy, body=anatomy.body * float(rng.normal(1, 0.008)), clutter=float(rng.uniform(0.5, 1.5)))
    return PhantomStudy(
        seed=who.seed,
        patient=who.number,
        number=number,
        study_date=day,
        anatomy=today,
        findings=findings,
        look=look,
        heart_rate=int(np.clip(rng.normal(70 + 8 * (findings.ef < 40), 10), 48, 110)),
        depth_setting=float(rng.uniform(0.97, 1.10)),
        other_view=str(rng.choice(["SUBCOSTAL", "IVC", "ARCH"], p=[0.55, 0.25, 0.20])),
        who=who,
        before=before,
    )
