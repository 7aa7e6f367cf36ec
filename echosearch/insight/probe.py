"""How well an attribute can be read off study vectors: a linear probe, in patients that it was not fitted on.

A ridge on unit vectors, one column a class (+1, -1), each class weighed alike; five folds of patients. Balanced
accuracy is the mean over classes of the share that is read right: chance is 1 / classes whatever their sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echosearch.insight.sample import FOLDS, fold_of

__all__ = ["LEAST", "Probe", "probe"]

Numbers = NDArray[np.float64]
LEAST = 10  # studies, and patients, of a class: rarer ones are left out
RIDGE = 1.0  # against unit vectors
DRAWS = 1000  # of patients, for the interval


@dataclass(frozen=True)
class Probe:
    """Balanced accuracy with a 95 % interval over patients; ``classes`` is below 2 where there is nothing to tell."""

    attribute: str
    classes: int
    studies: int
    accuracy: float | None
    low: float | None
    high: float | None
    chance: float | None


def probe(attribute: str, vectors: Numbers, labels: Sequence[str | None], patients: Sequence[str]) -> Probe:
    """Fit (N, D) unit vectors to the label of each (None: not known), by patient."""
    owners: dict[str, set[str]] = {}
    for label, patient in zip(labels, patients, strict=True):
        if label is not None:
            owners.setdefault(label, set()).add(patient)
    classes = sorted(label for label, own in owners.items() if len(own) >= LEAST)
    rows = [row for row, label in enumerate(labels) if label in classes]
    if len(classes) < 2:
        return Probe(attribute, len(classes), len(rows), None, None, None, None)
    inputs = np.concatenate([np.ones((len(rows), 1)), vectors[rows]], axis=1)
    truth = np.array([classes.index(str(labels[row])) for row in rows])
    own = [patients[row] for row in rows]
    folds = np.array([fold_of(patient) for patient in own])
    right = np.zeros(len(rows))
    for fold in range(FOLDS):
        held = folds == fold
        if held.any() and not held.all():
            scores = inputs[held] @ _fitted(inputs[~held], truth[~held], len(classes))
            right[held] = scores.argmax(axis=1) == truth[held]
    low, high = _interval(right, truth, own, len(classes))
    return Probe(attribute, len(classes), len(rows), _balanced(right, truth), low, high, 1 / len(classes))


def _fitted(inputs: Numbers, truth: NDArray[np.int64], classes: int) -> Numbers:
    counts = np.bincount(truth, minlength=classes)
    weight = (len(truth) / (classes * np.maximum(counts, 1)))[truth][:, None]
    wanted = np.where(truth[:, None] == np.arange(classes), 1.0, -1.0)
    held = np.full(inputs.shape[1], RIDGE)
    held[0] = 1e-6
    return np.asarray(np.linalg.solve((inputs * weight).T @ inputs + np.diag(held), (inputs * weight).T @ wanted))


def _balanced(right: Numbers, truth: NDArray[np.int64]) -> float:
    return float(np.mean([right[truth == one].mean() for one in np.unique(truth)]))


def _interval(right: Numbers, truth: NDArray[np.int64], patients: Sequence[str], classes: int) -> tuple[float, float]:
    """95 %, over draws of patients."""
    names, owner = np.unique(np.array(patients), return_inverse=True)
    counts, hits = (np.zeros((len(names), classes)) for _ in range(2))
    np.add.at(counts, (owner, truth), 1)
    np.add.at(hits, (owner, truth), right)
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        times = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        seen = times @ counts
        drawn.append(np.mean((times @ hits)[seen > 0] / seen[seen > 0]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)
