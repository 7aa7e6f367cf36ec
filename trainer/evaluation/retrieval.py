"""Score retrieval over all test studies as the paper's Table 1 does: MCMRR and R@k, both ways; and MRR.

The rank of a study's own report among all reports (and of its videos among all studies') by cosine. With ties the own
one is, on average, in their middle: rank = 1 + higher + ties / 2, the expected rank if ties were broken by lot; R@k is
then the probability that it is among the first k. So a constant encoder gets chance, not perfection.
MCMRR is the paper's mean cross-modal retrieval rank: the mean rank over video -> report and report -> video, 1 at best,
(candidates + 1) / 2 by chance. MRR is the mean of 1 / rank over both, 1 at best; with ties the reciprocal is the mean
over the places that the ties can take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echosearch.insight.intervals import EXACT, SAMPLES, Interval, mean_interval
from echosearch.vector import Vectors, unit

__all__ = ["BothWays", "Ranks", "Retrieval", "both_ways", "places", "scores"]

RECALL_AT = (1, 5, 10)
CHUNK = 2048  # queries at a time: memory CHUNK x N


@dataclass(frozen=True)
class Ranks:
    """For each query: how many candidates score higher than its own, and how many others exactly as high."""

    higher: NDArray[np.int64]
    ties: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.int64]) -> Ranks:
        return Ranks(self.higher[rows], self.ties[rows])


@dataclass(frozen=True)
class Retrieval:
    """One way: recall in percent of queries is R@k, here as a share."""

    mrr: Interval
    recall: dict[int, Interval]
    mean_rank: Interval
    candidates: int


@dataclass(frozen=True)
class BothWays:
    """Table 1's row, MRR, and the gallery that the scores depend on."""

    queries: int
    candidates: int
    alike: Interval | None  # share of candidates whose report states the same findings as another's; None if not known
    mcmrr: Interval  # mean rank over both ways, as in the paper: small is good
    mrr: Interval  # mean of 1 / rank over both ways
    video_to_report: Retrieval
    report_to_video: Retrieval

    def flat(self) -> dict[str, float]:
        """Return values for a metrics file: mcmrr, mrr, v2r_r1, r2v_r10, ..."""
        found = {"mcmrr": self.mcmrr.value, "mrr": self.mrr.value}
        for name, way in (("v2r", self.video_to_report), ("r2v", self.report_to_video)):
            found |= {f"{name}_r{k}": interval.value for k, interval in way.recall.items()}
            found[f"{name}_mean_rank"] = way.mean_rank.value
        return found


def places(queries: Vectors, candidates: Vectors) -> Ranks:
    """Return the rank of row i of the candidates for row i of the queries, both (N, D) raw.

    In float64, so that equal vectors tie exactly.
    """
    own_queries = unit(queries).astype(np.float64)
    own_candidates = unit(candidates).astype(np.float64)
    higher = np.empty(len(queries), np.int64)
    ties = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(queries)))
        cosine = np.round(own_queries[rows] @ own_candidates.T, EXACT)
        own = cosine[np.arange(len(rows)), rows][:, None]
        higher[rows] = (cosine > own).sum(axis=1)
        ties[rows] = (cosine == own).sum(axis=1) - 1
    return Ranks(higher, ties)


def scores(found: Ranks) -> dict[str, NDArray[np.float64]]:
    """Return each query's part of every score: "mrr", "rank", "r1", "r5", "r10"; their means are the scores."""
    first, last = found.higher + 1, found.higher + found.ties + 1  # places that the own candidate can take
    harmonic = np.concatenate(([0.0], np.cumsum(1.0 / np.arange(1, int(last.max(initial=1)) + 1))))
    within = {f"r{k}": np.clip((k - found.higher) / (found.ties + 1), 0.0, 1.0) for k in RECALL_AT}
    return {
        "mrr": (harmonic[last] - harmonic[first - 1]) / (found.ties + 1),
        "rank": (first + last) / 2,
        **within,
    }


def both_ways(
    videos: Vectors,
    texts: Vectors,
    patients: Sequence[str] | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    only: NDArray[np.int64] | None = None,
    findings: Sequence[Hashable] | None = None,
) -> BothWays:
    """Evaluate (N, D) and (N, D) raw vectors; row i of both is one study. ``only`` these rows ask among all candidates.

    ``findings`` of each report tell which reports are alike. With ``patients`` the intervals come from resampling
    patients, never studies alone: a patient's studies are alike. The candidates stay all studies, so an interval
    describes the queries.
    """
    rows = np.arange(len(videos)) if only is None else only
    each = {
        "v2r": scores(places(videos, texts)[rows]),
        "r2v": scores(places(texts, videos)[rows]),
    }
    each["both"] = {name: (each["v2r"][name] + each["r2v"][name]) / 2 for name in ("rank", "mrr")}

    def interval(values: NDArray[np.float64], at: NDArray[np.int64] = rows) -> Interval:
        if patients is None:
            return Interval(float(values.mean()))
        return mean_interval(values, [patients[i] for i in at], seed, samples)

    def way(name: str) -> Retrieval:
        recall = {k: interval(each[name][f"r{k}"]) for k in RECALL_AT}
        return Retrieval(interval(each[name]["mrr"]), recall, interval(each[name]["rank"]), len(videos))

    alike = None
    if findings is not None:
        counts = Counter(findings)
        alike = interval(np.array([float(counts[one] > 1) for one in findings]), np.arange(len(videos)))
    both = each["both"]
    return BothWays(
        len(rows), len(videos), alike, interval(both["rank"]), interval(both["mrr"]), way("v2r"), way("r2v")
    )
