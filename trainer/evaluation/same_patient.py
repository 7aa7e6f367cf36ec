"""Score how well two studies of one patient are recognised by their cosine, also against equally sick strangers.

Two studies of one patient have much in common that is no identity: the disease and the machine. ``matched`` compares a
pair of one patient with pairs of two patients whose findings differ as much and whose machines are, or are not, from
one vendor: the mean AUC over such strata, weighted by their pairs of one patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echosearch.insight.intervals import EXACT, SAMPLES, Interval, Sorted, patient_draws, percentiles
from echosearch.report.facts import Fact
from echosearch.search.arms.told import told_by
from echosearch.vector import Vectors, unit
from trainer.data.pairs import Study

__all__ = ["SamePatient", "same_patient"]

STRANGERS = 100_000  # pairs of two patients at most, a random sample: all pairs grow with the square of the studies
FURTHEST = 12  # grades that two studies differ by in sum; from here on pairs are one stratum
EF_A_GRADE = 5.0  # points of EF that count as one grade
BLOCK = 65_536  # pairs at a time

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class SamePatient:
    """AUC of the cosine of two studies for their being of one patient."""

    all: Interval
    matched: Interval  # on findings and vendor
    pairs: int  # of one patient
    matched_pairs: int  # of one patient, with strangers of the same stratum


def same_patient(
    videos: Vectors,
    studies: Sequence[Study],
    facts: Sequence[Sequence[Fact]],
    seed: int = 0,
    samples: int = SAMPLES,
) -> SamePatient:
    """Evaluate (N, D) raw study vectors. ``facts`` of their reports describe the findings where no truth is known."""
    towards = unit(videos).astype(np.float64)
    patients = [study.patient for study in studies]
    first, second, same = _pairs(np.array(patients), seed)
    cosine = np.round((towards[first] * towards[second]).sum(axis=1), EXACT)
    strata = _strata(first, second, studies, facts)
    rows = [np.flatnonzero(strata == one) for one in np.unique(strata)]
    whole = Sorted(cosine, same)
    parts = [(kept, Sorted(cosine[kept], same[kept])) for kept in rows if 0 < same[kept].sum() < len(kept)]

    def both(weight: Floats) -> tuple[float, float]:
        return whole.auc(weight), _mean(parts, weight)

    drawn = [
        both(times[first] * np.where(same, 1.0, times[second])) for times in patient_draws(patients, samples, seed)
    ]
    value, matched = both(np.ones(len(same)))
    columns = np.array(drawn).reshape(-1, 2)
    return SamePatient(
        percentiles(value, columns[:, 0]),
        percentiles(matched, columns[:, 1]),
        int(same.sum()),
        int(sum(part.positive.sum() for _, part in parts)),
    )


def _pairs(patients: NDArray[np.str_], seed: int) -> tuple[Rows, Rows, NDArray[np.bool_]]:
    """First and second study of all pairs of one patient and of a sample of the others, and which are of one."""
    order = np.argsort(patients, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(np.unique(patients[order], return_inverse=True)[1])) + 1)
    own = [(a, b) for group in groups for at, a in enumerate(group) for b in group[at + 1 :]]
    count = len(patients)
    if count * (count - 1) // 2 <= STRANGERS:
        first, second = np.triu_indices(count, k=1)
    else:
        first, second = np.random.default_rng(seed).integers(count, size=(2, STRANGERS))
    apart = patients[first] != patients[second]
    mine = np.array(own, np.int64).reshape(-1, 2)
    same = np.arange(len(mine) + apart.sum()) < len(mine)
    return np.concatenate([mine[:, 0], first[apart]]), np.concatenate([mine[:, 1], second[apart]]), same


def _strata(first: Rows, second: Rows, studies: Sequence[Study], facts: Sequence[Sequence[Fact]]) -> Rows:
    """Return the stratum of each pair: twice the difference of its findings, and 1 for two vendors."""
    described = _described(studies, facts)
    apart = np.empty(len(first), np.int64)
    for start in range(0, len(first), BLOCK):
        rows = slice(start, start + BLOCK)
        far = np.abs(described[first[rows]] - described[second[rows]]).sum(axis=1)
        apart[rows] = np.minimum(far.round(), FURTHEST)
    _, vendor = np.unique([study.vendor or "" for study in studies], return_inverse=True)
    strata: Rows = 2 * apart + (vendor[first] != vendor[second])
    return strata


def _described(studies: Sequence[Study], facts: Sequence[Sequence[Fact]]) -> Floats:
    """(N, F): grades and EF of the truth; without it 1 for each finding that a report states, mild or more."""
    truths = [study.truth for study in studies if study.truth is not None]
    if len(truths) == len(studies):
        return np.array([[*truth.grades.values(), truth.ef / EF_A_GRADE] for truth in truths], np.float64)
    concepts = sorted({fact.concept for each in facts for fact in each})
    return np.array([[float(told_by(each, concept) or 0) for concept in concepts] for each in facts], np.float64)


def _mean(parts: Sequence[tuple[Rows, Sorted]], weight: Floats) -> float:
    """Return the AUC over strata, each weighted by its pairs of one patient; nan if no stratum has both kinds."""
    found = [(part.auc(weight[rows]), weight[rows][part.positive].sum()) for rows, part in parts]
    known = [(value, share) for value, share in found if not np.isnan(value)]
    total = sum(share for _, share in known)
    return float(sum(value * share for value, share in known) / total) if total else float("nan")
