"""Measure how well the search's probabilities are calibrated: half of the reports withheld, the rest calibrate.

The curves are the search's own (echosearch/search/arms/belief.py): fitted to the reports of half of the patients, asked
about the videos of the other half, and compared with the truth, or with the withheld reports if there is none.

    expected calibration error    over ten bins of equal width, the mean of |believed - true share|, by studies
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.insight.intervals import SAMPLES, Interval, patient_bootstrap
from echosearch.report.facts import Fact, FindingCondition, load_lexicon
from echosearch.search.arms.belief import fit_belief
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.reliability import BINS, Bin, bins, calibration_error
from echosearch.search.arms.told import stated_by
from echosearch.search.arms.video_arm import ask_videos
from echosearch.vector import Vectors
from trainer.data.pairs import Study
from trainer.evaluation.zero_shot import FINDINGS

__all__ = ["BINS", "Bin", "Calibration", "Reliability", "calibration", "calibration_error"]

DRAWS = 5  # of the half that is withheld
COMMONEST = 10  # findings that are measured

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Reliability:
    """One finding, or all of them; ``studies`` counts a study once for each draw and finding."""

    name: str
    studies: int
    positives: int
    error: Interval  # expected calibration error
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Calibration:
    """The commonest findings that reports calibrate; a draw counts if its curve could be fitted."""

    pooled: Reliability
    findings: tuple[Reliability, ...]
    against_truth: bool  # False: against the withheld reports
    draws: int


@dataclass(frozen=True)
class _Believed:
    """The beliefs about one finding of withheld studies in all draws: row i is study ``rows[i]``."""

    rows: NDArray[np.int64]
    believed: Numbers
    true: Flags


def calibration(
    videos: Vectors,
    studies: Sequence[Study],
    encoder: Encoder,
    facts: Sequence[Sequence[Fact]],
    seed: int = 0,
    samples: int = SAMPLES,
) -> Calibration | None:
    """Return the calibration on (N, D) raw means of studies and the facts of their reports.

    None if no finding has enough reports on both sides. ``samples`` of the bootstrap over patients.
    """
    lexicon = load_lexicon()
    patients = np.array([study.patient for study in studies])
    against_truth = any(study.truth is not None for study in studies)
    halves = _halves(patients, seed)
    believed: dict[str, _Believed] = {}
    for name, concept in FINDINGS.items():
        told = np.array([_number(stated_by(each, concept)) for each in facts])
        true = np.array([_truth(study, name) for study in studies]) if against_truth else told
        asked = ask_videos(encoder, dict(lexicon.labels), [FindingCondition(concept, "present", None)])
        scores = asked.standardised(videos).scores(videos)[:, 0]
        found = _withheld(scores, told, true, halves)
        if found is not None:
            believed[name] = found
    chosen = sorted(believed, key=lambda name: -believed[name].true.sum())[:COMMONEST]
    if not chosen:
        return None
    whole = _joined([believed[name] for name in chosen])
    return Calibration(
        _reliability("all", whole, patients, seed, samples),
        tuple(_reliability(name, believed[name], patients, seed, samples) for name in chosen),
        against_truth,
        DRAWS,
    )


def _number(told: bool | None) -> float:
    return float("nan") if told is None else float(told)


def _truth(study: Study, name: str) -> float:
    """1 or 0, as the AUC counts: a trivial or borderline finding is none; nan if it is not known."""
    return float("nan") if study.truth is None else float(study.truth.grades.get(name, 0) >= MILD)


def _halves(patients: NDArray[np.str_], seed: int) -> list[Flags]:
    """For each draw, which reports are withheld."""
    names = np.unique(patients)
    rng = np.random.default_rng(seed)
    return [np.isin(patients, rng.permutation(names)[: len(names) // 2]) for _ in range(DRAWS)]


def _withheld(scores: Numbers, told: Numbers, true: Numbers, halves: Sequence[Flags]) -> _Believed | None:
    """Fit the curve of each draw and ask it about the withheld studies; None if no draw has one."""
    parts = []
    for withheld in halves:
        curve = fit_belief(scores[~withheld], told[~withheld] == 1, told[~withheld] == 0)
        if not curve.labelled:
            continue
        rows = np.flatnonzero(withheld & ~np.isnan(true))
        parts.append(_Believed(rows, curve(scores[rows]), true[rows] == 1))
    return _joined(parts) if parts else None


def _joined(parts: Sequence[_Believed]) -> _Believed:
    return _Believed(
        np.concatenate([one.rows for one in parts]),
        np.concatenate([one.believed for one in parts]),
        np.concatenate([one.true for one in parts]),
    )


def _reliability(name: str, found: _Believed, patients: NDArray[np.str_], seed: int, samples: int) -> Reliability:
    def error(kept: NDArray[np.int64]) -> float:
        return calibration_error(found.believed[kept], found.true[kept])

    low, high = patient_bootstrap(error, [str(each) for each in patients[found.rows]], seed, samples)
    value = calibration_error(found.believed, found.true)
    return Reliability(
        name, len(found.rows), int(found.true.sum()), Interval(value, low, high), bins(found.believed, found.true)
    )
