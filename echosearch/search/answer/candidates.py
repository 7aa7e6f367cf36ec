"""Candidates of a question in the order of hits: stated, silent, denied; within each by videos and words.

Columns of numbers: a row of each is a study, or one of its videos. A row becomes an object when it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from echosearch.db import lookup
from echosearch.db.found_rows import FoundRows
from echosearch.search.arms.scale import Scale
from echosearch.search.arms.video_arm import AskedVideos
from echosearch.search.arms.view_arm import RESCORED, score_by_view
from echosearch.search.arms.view_weights import Weights
from echosearch.search.arms.weights import words_weight
from echosearch.search.results import SearchOptions
from echosearch.search.study_hits import Searching

__all__ = ["DENIED", "SILENT", "STATED", "Candidates", "Rows", "Scores", "newest", "ranked", "rescored"]

STRONG = 0.5  # least probability of a hit that is called strong
STRONG_PERCENTILE = 0.99  # where no probability is known
STATED, SILENT, DENIED = range(3)  # tiers, the first first

Scores = NDArray[np.float64]
Rows = NDArray[np.intp]  # of candidates, by their places
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """Studies, or videos, that may become hits; row i of each column is one."""

    rows: FoundRows = field(repr=False)
    tiers: NDArray[np.int8]  # what their reports say of the question
    scores: Scores = field(repr=False)  # (N, C), of the conditions that videos were asked for
    certain: Flags = field(repr=False)  # (N, C), those of them that a report states
    order: Scores  # higher first
    beliefs: Scores
    bm25: Scores  # of the words that are asked for, in their reports
    covered: Scores
    likeness: Scores | None = None  # cosine with the examples, where there are any

    def strong(self, scale: Scale) -> Flags:
        """Return whether each one's report states the question, or its videos make it likely."""
        likely = self.beliefs >= (STRONG if scale.is_calibrated else STRONG_PERCENTILE)
        found: Flags = (self.tiers == STATED) | ((self.tiers == SILENT) & likely)
        return found

    def first(self, chosen: Rows) -> Rows:
        """Return the same candidates in their order: by tier, then highest first; of equals the first by key."""
        keys = (self.rows.keys[chosen], -self.order[chosen], self.tiers[chosen])
        ordered: Rows = chosen[np.lexsort(keys)]
        return ordered


def ranked(found: Candidates, scale: Scale, options: SearchOptions) -> Rows:
    """Return candidates in the order of hits: stated, silent, and denied where asked for; one for each group.

    Silent studies whose videos do not make it likely are hits only if there is nothing better: if no report states the
    question and, where probabilities are known, no videos make it likely.
    """
    denied = found.tiers == DENIED
    kept = np.ones_like(denied) if options.include_denied else ~denied
    strong = kept & (denied | found.strong(scale))
    if (kept & (found.tiers == STATED)).any() or (scale.is_calibrated and strong.any()):
        kept = strong
    order = found.first(np.flatnonzero(kept))
    if options.group == "video":
        return order
    groups = found.rows.patients if options.group == "patient" else found.rows.studies
    _, best = np.unique(groups[order], return_index=True)
    return order[np.sort(best)]


def rescored(
    search: Searching, found: Candidates, asked: AskedVideos, scale: Scale, views: Weights, order: Rows
) -> tuple[Candidates, Rows]:
    """Order the first ones by each one's videos; their beliefs stay those of the study's mean vector."""
    first = order[:RESCORED]
    studies = found.rows.at(first).study_names()
    videos = lookup.videos_of(search.connection, search.encoder_id, studies)
    scores = np.array(
        [
            score_by_view(asked, views, videos.get(study, []), found.scores[row])
            for study, row in zip(studies, first, strict=True)
        ]
    )
    scores = scores.reshape(len(first), len(asked.conditions))
    again = found.order.copy()
    again[first] = scale.order(scores, found.certain[first]) + words_weight() * found.covered[first]
    found = replace(found, order=again)
    return found, np.concatenate([found.first(first), order[RESCORED:]])


def newest(found: Candidates, order: Rows, scale: Scale) -> Rows:
    """Return the strong ones, newest first; within a month as they were."""
    strong = order[found.strong(scale)[order]]
    return strong[np.argsort(-found.rows.months[strong], kind="stable")]
