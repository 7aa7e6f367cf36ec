"""Numbers from scores: area under the ROC curve, same-patient AUC, recall of an approximate index, the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from echosearch.vector import Vectors, unit

__all__ = ["EXACT", "auc", "patient_bootstrap", "recall_at", "same_patient_auc"]

EXACT = 12  # decimals of a cosine; behind them stands the order of sums, which may differ from row to row


def auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The chance that a positive scores above a negative, a tie counting half; nan without both."""
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    values, number, counts = np.unique(score, return_inverse=True, return_counts=True)
    below = np.concatenate(([0], np.cumsum(counts)[:-1]))
    rank = below[number] + (counts[number] + 1) / 2  # ties share their mean rank, from 1
    assert len(values) == len(counts)
    return float((rank[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def same_patient_auc(studies: Vectors, patients: Sequence[str]) -> float:
    """AUC of the cosine of two studies for their being one patient's, over all pairs of studies; nan without both."""
    towards = unit(studies).astype(np.float64)
    first, second = np.triu_indices(len(towards), k=1)
    same = np.asarray(patients)[first] == np.asarray(patients)[second]
    return auc(np.round(towards @ towards.T, EXACT)[first, second], same)


def recall_at(found: Sequence[Sequence[str]], exact: Sequence[Sequence[str]]) -> float:
    """The mean share of each exact list that was found."""
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, exact, strict=True) if b]))


def patient_bootstrap(
    score: Callable[[NDArray[np.int64]], float], patients: Sequence[str], seed: int = 0, samples: int = 1000
) -> tuple[float, float]:
    """95 % interval of ``score(rows)`` over resampled patients, each with all its rows. A draw that gives nan (no
    positive in it) is left out."""
    names, number = np.unique(np.asarray(patients), return_inverse=True)
    rows_of = [np.flatnonzero(number == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    values = [
        score(np.concatenate([rows_of[i] for i in rng.integers(len(names), size=len(names))])) for _ in range(samples)
    ]
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)
