"""Fit a probe: what prompts read off a study's videos, corrected by labels.

    inputs     the prompts' reading (a grade, a value, or a difference of cosines), and the study's unit vector
    value      ridge: offset + slope * reading + weights . vector; only the weights are held small
    grade      one score and a cut for each grade: P(grade >= k) = logistic(score - cut k), the proportional odds model
               (McCullagh 1980), fitted as one logistic regression over all cuts
    finding    the same with one cut: there or not

Five probes are fitted, each without one fold of the patients. A patient is always read by the probe that was fitted
without the patient's fold, so that a reading is never of a study that it was fitted on, and errors are honest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.insight.intervals import Interval, auc_interval, mean_interval
from echosearch.insight.sample import FOLDS
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.reliability import calibration_error

__all__ = ["COVERAGE", "LEAST", "RIDGE", "WALL_RIDGE", "Kind", "ProbeErrors", "StudyProbe", "fit_study_probe"]

Kind = Literal["value", "grade", "finding"]
Numbers = NDArray[np.float64]

LEAST = 10  # labelled studies; of a finding, of a cut between grades: on either side
# against unit vectors. From 0.3 to 10 the AUC of 15 findings is within 0.01 with 175 labelled studies, EF within 0.3
RIDGE = 1.0
# of a territory of wall motion: which wall it is takes more of the vector (docs/experiments.md, 2026-11-29)
WALL_RIDGE = 1 / 64
HELD = 1e-2  # against the standardised reading, in a logistic regression: labels that it parts fully have no other end
FREE = 1e-6
COVERAGE = 0.9  # of true values that an interval is to hold
_STEPS, _LONGEST = 100, 4.0  # of Newton's method: steps, and the longest one


@dataclass(frozen=True)
class ProbeErrors:
    """Errors in patients left out; a figure that the kind does not have is None."""

    error: Interval | None = None  # value: mean absolute error in its unit; grade: in grades
    auc: Interval | None = None  # grade and finding: mild or more against the rest
    exact: Interval | None = None  # grade: share of studies read exactly
    calibration: float | None = None  # of P(mild or more): expected calibration error


@dataclass(frozen=True)
class StudyProbe:
    """A fitted probe. F folds of patients, K cuts, D the dimension of study vectors."""

    concept: str
    kind: Kind
    studies: int
    patients: int
    positives: int | None  # studies with a finding, mild or more; None of a value
    errors: ProbeErrors
    prompts: ProbeErrors | None  # of the prompts alone, on the same studies; None if no prompts ask for it
    width: float | None  # of a value: half of the interval that holds nine of ten labels
    levels: tuple[int, ...]  # the grade that each cut begins; none of a value
    centre: float  # of the prompts' readings
    spread: float
    weights: Numbers = field(repr=False)  # (F, 1 + D): of the standardised reading, and of the vector
    cuts: Numbers = field(repr=False)  # (F, K); of a value (F, 1): less its offset

    def scores(self, reading: Numbers, videos: Numbers, folds: NDArray[np.int64]) -> Numbers:
        """Return (N, K) scores less cuts: of a value the value. (N,) prompts' readings, (N, D) unit vectors, and folds.

        A fold of -1 (a patient that is not known) takes the mean of all probes.
        """
        inputs = np.concatenate([((reading - self.centre) / self.spread)[:, None], videos], axis=1)
        each = np.einsum("nd,fd->fn", inputs, self.weights)[..., None] - self.cuts[:, None]  # (F, N, K)
        chosen = each[np.clip(folds, 0, None), np.arange(len(videos))]
        made: Numbers = np.where((folds < 0)[:, None], each.mean(axis=0), chosen)
        return made

    def probability(self, scores: Numbers) -> Numbers:
        """Return P(mild or more), (N,), of (N, K) scores of a grade or a finding."""
        return _logistic(scores[:, self.levels.index(MILD)])

    def grade(self, scores: Numbers) -> Numbers:
        """Return the expected grade, (N,), of (N, K) scores of a grade."""
        steps = np.diff(np.array([0, *self.levels]))
        expected: Numbers = _logistic(scores) @ steps
        return expected


def fit_study_probe(
    concept: str,
    kind: Kind,
    reading: Numbers | None,
    videos: Numbers,
    labels: Numbers,
    patients: Sequence[str],
    folds: NDArray[np.int64],
    ridge: float = RIDGE,
) -> StudyProbe | str:
    """Fit a probe to (N,) labels: values, or grades 0 to 4. Return a line that says why not if the labels do not do.

    ``reading`` (N,) of the prompts, None if none ask for it; ``videos`` (N, D) unit vectors; ``folds`` of the patients.
    """
    levels = _levels(kind, labels)
    if len(labels) < LEAST or len(set(folds.tolist())) < FOLDS:
        return f"{len(labels)} labelled studies of {len(set(patients))} patients: {LEAST} of {FOLDS} groups are needed"
    if kind != "value" and MILD not in levels:
        there = int((labels >= MILD).sum())
        return f"{there} labelled studies have it, mild or more, {len(labels) - there} do not: {LEAST} each are needed"
    first = np.zeros(len(labels)) if reading is None else reading
    centre, spread = float(first.mean()), float(first.std()) or 1.0
    inputs = np.concatenate([((first - centre) / spread)[:, None], videos], axis=1)
    fitted = [_fitted(kind, inputs[folds != fold], labels[folds != fold], levels, ridge) for fold in range(FOLDS)]
    probe = StudyProbe(
        concept,
        kind,
        len(labels),
        len(set(patients)),
        None if kind == "value" else int((labels >= MILD).sum()),
        ProbeErrors(),
        None,
        None,
        levels,
        centre,
        spread,
        np.stack([weights for weights, _ in fitted]),
        np.stack([cuts for _, cuts in fitted]),
    )
    scores = probe.scores(first, videos, folds)
    errors = _errors(probe, scores, labels, patients)
    if not _tells(errors, labels, kind):
        return "the videos tell no more of these labels than a constant guess does"
    alone = None if reading is None else _of_prompts(kind, reading, labels, patients)
    width = None
    if kind == "value":
        apart = np.sort(np.abs(scores[:, 0] - labels))
        width = float(apart[min(int(np.ceil(COVERAGE * (len(apart) + 1))), len(apart)) - 1])
    return replace(probe, errors=errors, prompts=alone, width=width)


def _levels(kind: Kind, labels: Numbers) -> tuple[int, ...]:
    if kind == "value":
        return ()
    grades = (MILD,) if kind == "finding" else range(1, 5)
    return tuple(k for k in grades if LEAST <= (labels >= k).sum() <= len(labels) - LEAST)


def _fitted(
    kind: Kind, inputs: Numbers, labels: Numbers, levels: Sequence[int], ridge: float
) -> tuple[Numbers, Numbers]:
    """Return the weights (1 + D,) and the cuts."""
    size, width = inputs.shape
    if kind == "value":
        held = np.full(width + 1, ridge)
        held[[0, -1]] = FREE
        full = np.concatenate([inputs, -np.ones((size, 1))], axis=1)
        solved = np.linalg.solve(full.T @ full + np.diag(held), full.T @ labels)
        return solved[:-1], solved[-1:]
    cuts = len(levels)
    held = np.concatenate([[HELD * cuts], np.full(width - 1, ridge * cuts), np.full(cuts, FREE)])
    full = np.concatenate([np.tile(inputs, (cuts, 1)), -np.repeat(np.eye(cuts), size, axis=0)], axis=1)
    solved = _newton(full, np.concatenate([labels >= level for level in levels]).astype(np.float64), held)
    return solved[:width], np.sort(solved[width:])  # grades are in order, also where few labels would turn two around


def _newton(inputs: Numbers, truth: Numbers, held: Numbers) -> Numbers:
    """Return the weights that maximise the likelihood of a logistic regression with a ridge."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        p = _logistic(inputs @ weights)
        gradient = inputs.T @ (p - truth) + held * weights
        step = np.linalg.solve((inputs * (p * (1 - p))[:, None]).T @ inputs + np.diag(held), gradient)
        length = float(np.abs(step).max())
        weights = weights - step / max(1.0, length / _LONGEST)
        if length < 1e-7:
            break
    return weights


def _errors(probe: StudyProbe, scores: Numbers, labels: Numbers, patients: Sequence[str]) -> ProbeErrors:
    if probe.kind == "value":
        return ProbeErrors(error=mean_interval(np.abs(scores[:, 0] - labels), patients))
    there, p = labels >= MILD, probe.probability(scores)
    auc = auc_interval(p, there, patients)
    if probe.kind == "finding":
        return ProbeErrors(auc=auc, calibration=calibration_error(p, there))
    read = np.array([0, *probe.levels])[(scores > 0).sum(axis=1)]
    return ProbeErrors(
        mean_interval(np.abs(probe.grade(scores) - labels), patients),
        auc,
        mean_interval((read == labels).astype(np.float64), patients),
        calibration_error(p, there),
    )


def _of_prompts(kind: Kind, reading: Numbers, labels: Numbers, patients: Sequence[str]) -> ProbeErrors:
    """Errors of the prompts' reading as it is."""
    if kind == "value":
        return ProbeErrors(error=mean_interval(np.abs(reading - labels), patients))
    auc = auc_interval(reading, labels >= MILD, patients)
    if kind == "finding":
        return ProbeErrors(auc=auc)
    error = mean_interval(np.abs(reading - labels), patients)
    return ProbeErrors(error, auc, mean_interval((np.round(reading) == labels).astype(np.float64), patients))


def _tells(errors: ProbeErrors, labels: Numbers, kind: Kind) -> bool:
    """Whether readings are better than a constant guess: a tenth less error, or an AUC whose interval is above 0.5."""
    if kind == "value":
        assert errors.error is not None
        return errors.error.value < 0.9 * float(np.abs(labels - np.median(labels)).mean())
    assert errors.auc is not None
    return errors.auc.low > 0.5


def _logistic(x: Numbers) -> Numbers:
    made: Numbers = 1 / (1 + np.exp(-np.clip(x, -60, 60)))
    return made
