"""The grade of a finding read off videos, as the archive's own reports grade it: a kernel ridge.

    likeness of two studies    exp(-d / 2), d the mean squared difference of their standardised vectors, and half the
                               product of what the prompts say of the finding (two standardised numbers)
    reading                    the mean grade plus the likeness to each study of the sample times that study's weight

A study of the sample is read without all studies of its patient, so that no report confirms itself. The kernel lets a
grade be no straight line in the vectors, the prompts carry findings that few reports state (docs/interpretation.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.insight.curves import stated_level
from echosearch.insight.levels import Levels, fit_levels
from echosearch.insight.sample import VectorSample
from echosearch.report.facts import FindingCondition, Lexicon
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.told import is_silent
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.search.changes.amount import Amount, amounts
from echosearch.vector import Vectors, unit

__all__ = ["Background", "GradeReader", "GradeReaders", "fit_grade_readers"]

Numbers = NDArray[np.float64]
RIDGE = 0.3
PROMPTS = 0.5  # how much the prompts count beside the vectors
TOLD = 0.5  # share of the grades' variance that readings must explain in patients left out


@dataclass(frozen=True)
class Background:
    """The mean and the spread (D,) of the sample's unit vectors, by which vectors are standardised."""

    mean: Numbers = field(repr=False)
    spread: Numbers = field(repr=False)

    def __call__(self, videos: Vectors) -> Numbers:
        """(N, D) raw vectors -> (N, D); the squared distance of two rows is a mean over dimensions."""
        apart = (unit(videos).astype(np.float64) - self.mean) / self.spread
        return np.asarray(apart / np.sqrt(apart.shape[1]))


@dataclass(frozen=True)
class GradeReader:
    """Reads one finding. ``levels`` is None where reports are too few or videos do not tell; ``why_not`` says so."""

    concept: str
    graded: bool
    levels: Levels | None = None
    why_not: str | None = None
    studies: Mapping[str, float] = field(default_factory=dict, repr=False)  # of the sample -> grade without its patient
    known: Numbers = field(default_factory=lambda: np.zeros((0, 0)), repr=False)  # (K, D) standardised
    prompts: Numbers = field(default_factory=lambda: np.zeros((0, 2)), repr=False)  # (K, 2) standardised
    weights: Numbers = field(default_factory=lambda: np.zeros(0), repr=False)  # (K,)
    mean: float = 0.0  # of the grades

    def read(self, sample: VectorSample, towards: Numbers, prompts: Numbers) -> Numbers:
        """Read (N,) grades off (N, D) and (N, 2) standardised vectors and prompts of these studies."""
        made = self.mean + kernel(towards, self.known, prompts, self.prompts) @ self.weights
        for row, study in enumerate(sample.studies):
            made[row] = self.studies.get(study.study, made[row])
        return made


def kernel(one: Numbers, other: Numbers, prompts: Numbers, others: Numbers) -> Numbers:
    """Compare (N, D) with (K, D) standardised vectors, (N, 2) with (K, 2) prompts, as (N, K)."""
    apart = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * one @ other.T
    return np.asarray(np.exp(-np.maximum(apart, 0) / 2) + PROMPTS * (prompts @ others.T) / prompts.shape[1])


@dataclass(frozen=True)
class GradeReaders:
    """The readers of several findings, and what they share."""

    asked: AskedVideos = field(repr=False)
    amounts: tuple[Amount, ...] = field(repr=False)
    background: Background = field(repr=False)
    prompts: tuple[Numbers, Numbers] = field(repr=False)  # mean and spread (2, C) of what the sample's prompts say
    readers: tuple[GradeReader, ...] = ()

    def read(self, sample: VectorSample) -> Numbers:
        """Return (N, C) grades; nan in the columns of findings without a reader."""
        towards, said = self.background(sample.vectors), self.said(sample.vectors)
        made = np.full((len(sample), len(self.readers)), np.nan)
        for column, reader in enumerate(self.readers):
            if reader.levels is not None:
                made[:, column] = reader.read(sample, towards, said[:, :, column])
        return made

    def said(self, videos: Vectors) -> Numbers:
        """Return (N, 2, C) of (N, D) raw vectors: what each finding's prompts say, and how likely, standardised."""
        return np.asarray((_said(self.asked, self.amounts, videos) - self.prompts[0]) / self.prompts[1])


def fit_grade_readers(
    encoder: Encoder, lexicon: Lexicon, sample: VectorSample, concepts: Sequence[str], least: int
) -> GradeReaders:
    """Fit a reader for each finding; it needs ``least`` studies with it, mild or more, and as many without."""
    asked = ask_videos(encoder, dict(lexicon.labels), [FindingCondition(name, "present", None) for name in concepts])
    asked = asked.standardised(sample.vectors)
    along = tuple(amounts(encoder, lexicon, concepts)[name] for name in concepts)
    towards, said = unit(sample.vectors).astype(np.float64), _said(asked, along, sample.vectors)
    background = Background(towards.mean(axis=0), towards.std(axis=0) + 1e-6)
    readers = GradeReaders(asked, along, background, (said.mean(axis=0), said.std(axis=0) + 1e-9))
    rows, prompts = background(sample.vectors), readers.said(sample.vectors)
    made = [
        _reader(name, len(along[c].values) > 2, sample, rows, prompts[:, :, c], least)
        for c, name in enumerate(concepts)
    ]
    return replace(readers, readers=tuple(made))


def _said(asked: AskedVideos, along: Sequence[Amount], videos: Vectors) -> Numbers:
    if not along:
        return np.zeros((len(videos), 2, 0))
    return np.stack([np.stack([amount(videos) for amount in along], axis=1), asked.scores(videos)], axis=1)


def _reader(
    concept: str, graded: bool, sample: VectorSample, towards: Numbers, prompts: Numbers, least: int
) -> GradeReader:
    told = [stated_level(facts, concept, graded) for facts in sample.facts]
    rows = [row for row, grade in enumerate(told) if grade is not None and concept not in sample.unseen[row]]
    grades = np.array([told[row] for row in rows], dtype=np.float64)
    if min(int((grades >= MILD).sum()), int((grades < MILD).sum())) < least:
        return GradeReader(concept, graded, why_not=f"{least} reports on either side are needed")
    towards, prompts, mean = towards[rows], prompts[rows], float(grades.mean())
    inverse = np.linalg.inv(kernel(towards, towards, prompts, prompts) + RIDGE * np.eye(len(rows)))
    weights = inverse @ (grades - mean)
    own: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        own.setdefault(sample.studies[row].patient, []).append(place)
    read = np.empty(len(rows))
    for places in own.values():  # what the ridge reads when it is fitted without these, in closed form
        read[places] = grades[places] - np.linalg.solve(inverse[np.ix_(places, places)], weights[places])
    if ((read - grades) ** 2).mean() > (1 - TOLD) * grades.var():
        return GradeReader(concept, graded, why_not="its videos do not tell the grades that reports state")
    silent = np.array([is_silent(sample.facts[row], concept) for row in rows])
    studies = {sample.studies[row].study: float(grade) for row, grade in zip(rows, read, strict=True)}
    levels = fit_levels(read, grades, silent)
    if levels is None:
        return GradeReader(concept, graded, why_not="reports state too few of its grades")
    return GradeReader(concept, graded, levels, None, studies, towards, prompts, weights, mean)
