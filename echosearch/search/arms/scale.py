"""The scale of a question's scores: how they compare with the archive's own studies, and how far to believe them.

A study's mean is compared with means, a video with videos: single videos differ far more than means do, so that among
means the best of them would all seem to be certain.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from echosearch.archive import Archive
from echosearch.db import Connection
from echosearch.db.questions.fact_conditions import Condition, unmentioned, verdicts
from echosearch.db.questions.video_sample import VideoSample, first_video_vectors
from echosearch.db.vectors.study_means import first_study_vectors
from echosearch.filters import Where
from echosearch.report.facts import FindingCondition
from echosearch.search.arms.archive_values import with_scales
from echosearch.search.arms.belief import BACKGROUND, Belief, fit_belief
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.video_arm import AskedVideos

__all__ = ["BestVideos", "Scale", "measured_scale"]

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

FRESH_SECONDS = 60.0  # a process keeps the scale of a question that long
SCALES = 200  # questions of an archive


@dataclass(frozen=True)
class BestVideos:
    """The background of a question that single videos answer: those of the sample that meet ``where``."""

    where: Where | None
    alone: bool = False  # each video by itself; else the best of each study


@dataclass(frozen=True)
class Scale:
    """The archive's own background for a question: a sample of its studies, scored as the candidates are."""

    background: Scores  # (B, C)
    beliefs: tuple[Belief, ...]  # of each condition
    joint: Belief  # of all: percentiles of the order
    evens: tuple[float, ...] = ()  # of each condition, the score that meets it as likely as not (AskedLevels.even)

    @cached_property
    def _ascending(self) -> Scores:
        """The background's scores of each condition, (C, B), sorted once."""
        return np.sort(self.background.T, axis=1)

    @property
    def is_calibrated(self) -> bool:
        """Whether every condition has a curve; then the product of their probabilities is shown."""
        return bool(self.beliefs) and all(one.labelled for one in self.beliefs)

    @cached_property
    def _lines(self) -> tuple[Scores, Scores]:
        """Slope and offset, (C,) each, of the log odds of each condition in its score: calibrated ones, else assumed.

        Assumed: even at the condition's own even score, and changing by 1 in a standard deviation of the background.
        """
        spread = self.background.std(axis=0) if len(self.background) > 1 else np.ones(len(self.evens))
        spread = np.where(spread > 0, spread, 1.0)
        lines = [
            (belief.slope, belief.offset) if belief.labelled else (1 / width, -even / width)
            for belief, even, width in zip(self.beliefs, self.evens, spread, strict=True)
        ]
        slopes, offsets = np.array(lines).reshape(-1, 2).T
        return slopes, offsets

    def shares(self, scores: Scores) -> Scores:
        """Return (N, C) for (N, C): the share of the background that fits worse, in (0, 1)."""
        columns = [
            (np.searchsorted(self._ascending[c], scores[:, c], side="left") + 0.5) / (len(self.background) + 1)
            for c in range(scores.shape[1])
        ]
        return np.stack(columns, axis=1) if columns else np.zeros(scores.shape)

    def order(self, scores: Scores, certain: Flags | None = None) -> Scores:
        """Return (N,) to rank (N, C) by: the log probability that all conditions are met, as if each by itself.

        ``certain`` (N, C): those that are known to be met, whatever the score.
        Percentiles in place of probabilities would part studies that plainly meet what most meet (ARなし), and drown
        in that the few that meet the rest (docs/experiments.md).
        """
        slopes, offsets = self._lines
        each = -np.logaddexp(0.0, -(scores * slopes + offsets))
        ranked: Scores = (each if certain is None else np.where(certain, 0.0, each)).sum(axis=1)
        return ranked

    def believe(self, scores: Scores, order: Scores, certain: Flags | None = None) -> Scores:
        """Return (N,) for (N, C) and their ``order`` (N,): a probability if calibrated, else a percentile."""
        if self.is_calibrated:
            each = np.stack([one(scores[:, c]) for c, one in enumerate(self.beliefs)], axis=1)
            made: Scores = (each if certain is None else np.where(certain, 1.0, each)).prod(axis=1)
            return made
        return self.joint.percentile(order)


Kept = OrderedDict[Hashable, tuple[float, AskedVideos, Scale]]


def measured_scale(
    archive: Archive, connection: Connection, encoder_id: int, asked: AskedVideos, of: BestVideos | None = None
) -> tuple[AskedVideos, Scale]:
    """Return the questions with the archive's background, and the scale of their scores; at most FRESH_SECONDS old.

    ``of``: the background is videos; None: means of studies.
    """
    kept: Kept = archive.kept.setdefault(__name__, OrderedDict())  # an archive as a viewer sees it has the same
    key = (encoder_id, asked.conditions, of)
    now = monotonic()
    if key in kept and now - kept[key][0] < FRESH_SECONDS:
        return kept[key][1:]
    made = _measure(connection, encoder_id, with_scales(archive, connection, encoder_id, asked), of)
    kept[key] = (now, *made)
    kept.move_to_end(key)
    while len(kept) > SCALES:
        kept.popitem(last=False)
    return made


def _measure(
    connection: Connection, encoder_id: int, asked: AskedVideos, of: BestVideos | None
) -> tuple[AskedVideos, Scale]:
    """Score the sample, and calibrate each condition by the reports of the sample's studies."""
    sample = _sample(connection, encoder_id, of)
    studies = sample.studies
    background = np.zeros((0, len(asked.conditions)))
    if studies:
        asked = asked.standardised(sample.vectors)
        background = asked.scores(sample.vectors)
        if of is not None and not of.alone:
            best = _best_of_each(background, studies)
            background, studies = background[best], tuple(studies[row] for row in best)
    beliefs = []
    for column, (condition, scale) in enumerate(zip(asked.conditions, asked.scales, strict=True)):
        # on the archive's scale, scores of means are log odds, by errors in other patients; single videos err more
        if scale is not None and scale.source == "archive" and of is None:
            beliefs.append(Belief(np.sort(background[:, column]), slope=1.0, labelled=scale.studies))
            continue
        told = _labels(connection, condition, studies)
        beliefs.append(fit_belief(background[:, column], *told))
    made = Scale(background, tuple(beliefs), Belief(np.zeros(0)), asked.evens)
    return asked, replace(made, joint=Belief(np.sort(made.order(background))))


def _sample(connection: Connection, encoder_id: int, of: BestVideos | None) -> VideoSample:
    if of is not None:
        return first_video_vectors(connection, encoder_id, BACKGROUND, of.where)
    means = first_study_vectors(connection, encoder_id, BACKGROUND)
    return VideoSample((*means,), np.stack([*means.values()]) if means else np.zeros((0, 0), np.float32))


def _best_of_each(scores: Scores, studies: Sequence[str]) -> list[int]:
    """Return the row of each study's best video, of (N, C) scores: all conditions together, each in its spread."""
    spread = scores.std(axis=0)
    together = (scores / np.where(spread > 0, spread, 1.0)).sum(axis=1)
    best: dict[str, int] = {}
    for row, study in enumerate(studies):
        if study not in best or together[row] > together[best[study]]:
            best[study] = row
    return [*best.values()]


def _labels(connection: Connection, condition: Condition, studies: Sequence[str]) -> tuple[Flags, Flags]:
    """Which studies' reports state a condition, and which do not: (N,), (N,).

    An ungraded finding is asked of videos from mild on (MILD), so a report of a trivial one does not state it here,
    and neither does one that has other facts and does not mention it (told.py says why). Others are on neither side.
    """
    said = verdicts(connection, (condition,), (), studies)
    stated = np.array([said[key] == "stated" for key in studies], dtype=bool)
    other = np.array([said[key] == "denied" for key in studies], dtype=bool)
    if isinstance(condition, FindingCondition) and condition.polarity == "present":
        if condition.severity is None:
            graded = verdicts(connection, (replace(condition, severity=(MILD, 4)),), (), studies)
            trivial = np.array([graded[key] == "denied" for key in studies], dtype=bool)
            stated, other = stated & ~trivial, other | trivial
        if condition.severity is None or condition.severity[0] > 0:
            silent = unmentioned(connection, condition.concept, studies)
            other |= np.array([key in silent for key in studies], dtype=bool)
    return stated, other
