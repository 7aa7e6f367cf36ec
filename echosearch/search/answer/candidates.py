"""Candidates of a question in the order of hits: stated, silent, denied; within each by videos and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from echosearch.db import lookup
from echosearch.db.lookup import StoredVideo, StudyRow, VideoRow
from echosearch.db.questions.fact_conditions import Verdict
from echosearch.search.arms.belief import Belief
from echosearch.search.arms.scale import Scale
from echosearch.search.arms.video_arm import AskedVideos
from echosearch.search.arms.view_arm import RESCORED, score_by_view, telling
from echosearch.search.arms.view_weights import Weights
from echosearch.search.arms.weights import words_weight
from echosearch.search.arms.word_arm import WordScore
from echosearch.search.results import SearchOptions
from echosearch.search.study_hits import Searching
from echosearch.vector import Vectors

__all__ = ["Candidate", "Scores", "deciding", "is_strong", "newest", "ranked", "rescored"]

STRONG = 0.5  # least probability of a hit that is called strong
STRONG_PERCENTILE = 0.99  # where no probability is known
_TIERS: tuple[Verdict, ...] = ("stated", "silent", "denied")

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A study, or one of its videos, that may become a hit."""

    about: StudyRow
    vector: Vectors
    verdict: Verdict
    scores: Scores  # (C,), of the conditions that videos were asked for
    order: float  # higher first
    belief: float
    words: WordScore  # of its report
    likeness: float | None = None  # cosine with the examples, where there are any


def _place(one: Candidate) -> tuple[int, float, str]:
    """What candidates are sorted by; of equals the first by key."""
    return _TIERS.index(one.verdict), -one.order, one.about.key


def ranked(found: Sequence[Candidate], scale: Scale, options: SearchOptions) -> list[Candidate]:
    """Candidates in the order of hits: stated, silent, and denied where asked for; one for each group.

    Silent studies whose videos do not make it likely are hits only if there is nothing better: if no report states the
    question and, where probabilities are known, no videos make it likely.
    """
    kept = [one for one in found if one.verdict != "denied" or options.include_denied]
    strong = [one for one in kept if one.verdict == "denied" or is_strong(one, scale)]
    if any(one.verdict == "stated" for one in kept) or (scale.is_calibrated and strong):
        kept = strong
    kept.sort(key=_place)
    if options.group == "video":
        return kept
    best: dict[str, Candidate] = {}
    for one in kept:
        best.setdefault(one.about.patient if options.group == "patient" else one.about.study, one)
    return [*best.values()]


def rescored(search: Searching, asked: AskedVideos, views: Weights, ranked: Sequence[Candidate]) -> list[Candidate]:
    """The first ones in the order that each one's videos give; their beliefs stay those of the study's mean vector."""
    first = ranked[:RESCORED]
    videos = lookup.videos_of(search.connection, search.encoder_id, [one.about.study for one in first])
    scores = np.array([score_by_view(asked, views, videos.get(one.about.study, []), one.scores) for one in first])
    scores = scores.reshape(len(first), len(asked.conditions))
    order = Scale(scores, (), Belief(np.zeros(0))).order(scores)
    again = [
        replace(one, order=float(rank) + words_weight() * one.words.covered)
        for one, rank in zip(first, order, strict=True)
    ]
    again.sort(key=_place)
    return [*again, *ranked[RESCORED:]]


def newest(ranked: Sequence[Candidate], scale: Scale) -> list[Candidate]:
    """The strong ones, newest first; within a month as they were."""
    strong = [one for one in ranked if is_strong(one, scale)]
    return sorted(strong, key=lambda one: -(one.about.month or 0))


def is_strong(one: Candidate, scale: Scale) -> bool:
    """Whether its report states the question, or its videos make it likely."""
    return one.verdict == "stated" or (
        one.verdict == "silent" and one.belief >= (STRONG if scale.is_calibrated else STRONG_PERCENTILE)
    )


def deciding(
    one: Candidate, videos: Sequence[StoredVideo], asked: AskedVideos, scale: Scale, views: Weights
) -> VideoRow | None:
    """The study's video that fits best, of those whose view tells of the findings; of equals the first by key."""
    if isinstance(one.about, VideoRow):
        return one.about
    if not videos:
        return None
    order = scale.order(asked.scores(np.stack([video.vector for video in videos])))
    return videos[int(np.argmax(np.where(telling(asked, views, videos), order, -np.inf)))].about
