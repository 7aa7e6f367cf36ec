"""Late interaction: the first studies scored again by their videos, each as far as its view tells of the finding.

    score of a study = sum over its videos of weight(finding, view) x score / sum of the weights

A condition that no view has a weight for (wall motion, another encoder) keeps the score of the study's mean vector. The
best video alone (MaxSim) was measured too, and is worse: docs/decisions/late-interaction.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echosearch.db.lookup import StoredVideo
from echosearch.report.facts import AnyOf
from echosearch.search.arms.video_arm import AskedVideos
from echosearch.search.arms.view_weights import Weights, view_name
from echosearch.vector import unit

__all__ = ["RESCORED", "score_by_view", "telling"]

Scores = NDArray[np.float64]

RESCORED = 200  # studies


def score_by_view(asked: AskedVideos, weights: Weights, videos: Sequence[StoredVideo], scores: Scores) -> Scores:
    """Score by its videos a study of (C,) mean-vector scores, where views have weights."""
    if not videos or not weights:
        return scores
    towards = unit(np.stack([video.vector for video in videos]))
    made = scores.copy()
    for c, (condition, levels) in enumerate(zip(asked.conditions, asked.levels, strict=True)):
        single = condition.conditions if isinstance(condition, AnyOf) else (condition,)
        each = [_weights(weights, one.concept, videos) for one in single]
        if all(weight.any() for weight in each):
            made[c] = max(
                float(one.score(towards) @ weight / weight.sum()) for one, weight in zip(levels, each, strict=True)
            )
    return made


def telling(asked: AskedVideos, weights: Weights, videos: Sequence[StoredVideo]) -> NDArray[np.bool_]:
    """Return (N,) which videos tell of the findings: half the weight of the best, or more. All if none has."""
    concepts = [
        one.concept for each in asked.conditions for one in (each.conditions if isinstance(each, AnyOf) else (each,))
    ]
    total = np.sum([np.zeros(len(videos)), *(_weights(weights, name, videos) for name in concepts)], axis=0)
    found: NDArray[np.bool_] = total >= total.max(initial=0) / 2
    return found


def _weights(weights: Weights, concept: str, videos: Sequence[StoredVideo]) -> Scores:
    of_view = weights.get(concept, {})
    return np.array([of_view.get(view_name(video.about.view, video.about.mode), 0.0) for video in videos])
