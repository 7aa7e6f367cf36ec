"""Readers: each grades a little higher or lower than the truth, and leaves some findings out of the report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from echosearch.phantom.heart.features import Features, feature_grades
from echosearch.phantom.heart.findings import FINDINGS, Findings

__all__ = ["READERS", "THERE_OR_NOT", "read_by", "unsaid_by", "with_severities"]

READERS = 12
THERE_OR_NOT = ("pacemaker", "prosthetic_valve")
_BIAS, _NOISE = 0.12, 0.16  # grades, standard deviation: of a reader, of one reading
_EF_NOISE = 2.5  # points
_SILENCE = (0.04, 0.22)  # share of what is there that a reader leaves out: the most thorough, the least
_ABSENT = 0.35  # share of what is not there that goes without a word


def with_severities(findings: Findings, rng: np.random.Generator) -> Findings:
    """Return the same grades with a severity each, evenly between the halves around the grade; most of nothing is 0."""
    drawn = []
    for name, grade in findings.grades().items():
        if name in THERE_OR_NOT:
            continue
        off = float(rng.uniform(-0.499, 0.499))
        severity = grade + off if grade else max(off, 0.0) * (rng.random() < 0.5)
        drawn.append((name, round(float(severity), 3)))
    return replace(findings, severities=tuple(drawn))


def read_by(reader: int, findings: Findings, rng: np.random.Generator) -> Findings:
    """Return the findings as a reader grades them: borderline ones a grade off now and then, the EF a few points."""
    bias = float(np.random.default_rng([8801, reader]).normal(0.0, _BIAS))
    read = replace(findings, severities=(), ef=round(float(np.clip(findings.ef + rng.normal(0, _EF_NOISE), 12, 78)), 1))
    for name in FINDINGS:
        seen = findings.severity(name) + bias + float(rng.normal(0.0, _NOISE))
        if name not in THERE_OR_NOT and findings.severity(name) > 0:
            grade = int(np.clip(np.floor(seen + 0.5), 0, 4))
            grade = 0 if name == "dyssynchrony" and grade == 1 else grade  # no report knows a trace of it
            read = read.graded(name, grade)
    return read


def unsaid_by(reader: int, read: Findings, features: Features, rng: np.random.Generator) -> frozenset[str]:
    """Return the findings that the reader's report does not mention."""
    silence = float(np.random.default_rng([8802, reader]).uniform(*_SILENCE))
    grades = read.grades() | feature_grades(features)
    return frozenset(name for name in grades if rng.random() < (silence if grades[name] >= 2 else _ABSENT))
