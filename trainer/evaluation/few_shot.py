"""Compare ways to read EF with few labels: k labelled studies for every integer EF, drawn again and again.

prompts    the value of the nearest prompts, no label
line       a line through that
probe      the line, and ridge weights on the unit study vector (echosearch/insight/probes)
ordinal    CardiacCLIP's head over the study's clips (ordinal_head.py)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.search.arms.prompts import value_prompts
from echosearch.search.arms.value_scale import nearest_values
from echosearch.vector import Vectors, unit
from trainer.evaluation.ordinal_head import STEPS, Part, band_texts, padded_clips, read_ef_with, train_head

__all__ = [
    "DRAWS",
    "RIDGE",
    "SHOTS",
    "EfPrompts",
    "EfStudies",
    "FewShot",
    "ShotErrors",
    "Way",
    "ef_prompts",
    "few_shot",
    "labelled_rows",
    "prompted_ef",
    "shot_errors",
]

Way = Literal["prompts", "line", "probe", "ordinal"]
Numbers = NDArray[np.float64]
Rows = NDArray[np.int64]

SHOTS = (1, 2, 4, 8)
DRAWS = 20
RIDGE = 1.0  # against unit vectors, as a probe's


@dataclass(frozen=True)
class EfStudies:
    """N studies whose EF is known."""

    ef: Numbers = field(repr=False)  # (N,) points
    vectors: Vectors = field(repr=False)  # (N, D) raw means
    clips: tuple[Vectors, ...] = field(repr=False)  # of each study (C, D) raw


@dataclass(frozen=True)
class FewShot:
    """The error of one way at one number of shots, on studies that no label is of."""

    way: Way
    shots: int | None  # labelled studies for every integer EF; None: all labels
    labels: float  # labelled studies, mean over the draws
    error: float  # mean absolute error in points, mean over the draws
    low: float  # 2.5th percentile of the draws
    high: float  # and 97.5th


@dataclass(frozen=True)
class ShotErrors:
    """The absolute errors of one way at one number of shots, in points, study by study."""

    way: Way
    shots: int | None
    labels: float  # labelled studies, mean over the draws
    errors: Numbers = field(repr=False)  # (draws, N)

    def condensed(self) -> FewShot:
        """Return the mean error, and how far it goes over the draws."""
        each = self.errors.mean(axis=1)
        low, high = np.percentile(each, (2.5, 97.5))
        return FewShot(self.way, self.shots, self.labels, float(each.mean()), float(low), float(high))


class EfPrompts(NamedTuple):
    """The values that prompts say, (V,), and the mean of the unit prompts of each, (V, D)."""

    values: Numbers
    vectors: Vectors

    def read(self, videos: Vectors) -> Numbers:
        """Return the EF of (N, D) raw study vectors by the prompts that are nearest."""
        return nearest_values((unit(videos) @ self.vectors.T).astype(np.float64), self.values)


def prompted_ef(encoder: Encoder, videos: Vectors) -> Numbers:
    """Return the EF of (N, D) raw study vectors by the prompts that are nearest."""
    return ef_prompts(encoder).read(videos)


def ef_prompts(encoder: Encoder) -> EfPrompts:
    """Return the prompts of EF, embedded."""
    asked = value_prompts("lvef", encoder.text_spec.language)
    assert asked is not None
    means = [unit(encoder.encode_texts(level.meanings[0])).mean(axis=0) for level in asked.levels]
    return EfPrompts(np.array([level.value for level in asked.levels], np.float64), np.stack(means))


def labelled_rows(ef: Numbers, shots: int, rng: np.random.Generator) -> Rows:
    """Draw ``shots`` rows for every integer EF, or as many as it has."""
    order = rng.permutation(len(ef))
    taken: dict[int, int] = {}
    kept = []
    for row in order:
        value = round(float(ef[row]))
        taken[value] = taken.get(value, 0) + 1
        if taken[value] <= shots:
            kept.append(row)
    return np.array(sorted(kept), np.int64)


def _drawn(ef: Numbers, shots: int | None, draws: int) -> list[Rows]:
    """The labelled rows of each draw; without labels, and with all of them, there is one."""
    if shots is None:
        return [np.arange(len(ef))]
    return [labelled_rows(ef, shots, np.random.default_rng([shots, draw])) for draw in range(draws if shots else 1)]


def few_shot(
    encoder: Encoder,
    train: EfStudies,
    test: EfStudies,
    shots: Sequence[int] = SHOTS,
    draws: int = DRAWS,
    ways: Sequence[Way] = ("line", "probe", "ordinal"),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FewShot, ...]:
    """Compare the ways on ``test``, with ``shots`` labels of ``train`` for every integer EF, and with all of them."""
    prompts = ef_prompts(encoder)
    found = list(shot_errors(prompts, train, test, (0,), ways=("prompts",)))
    for done, k in enumerate((*shots, None), 1):
        found += shot_errors(prompts, train, test, (k,), draws, ways)
        if progress:
            progress(done, len(shots) + 1)
    return tuple(one.condensed() for one in found)


def shot_errors(
    prompts: EfPrompts,
    train: EfStudies,
    test: EfStudies,
    shots: Sequence[int | None],
    draws: int = DRAWS,
    ways: Sequence[Way] = ("line", "probe", "ordinal"),
    *,
    steps: int = STEPS,
    ridge: float = RIDGE,
    without: Part | None = None,
) -> Iterator[ShotErrors]:
    """Yield the errors of each way on ``test`` at each number of shots; None: all labels, drawn once.

    ``steps`` and ``without`` are of the head, ``ridge`` of the probe.
    """
    first, asked = prompts.read(train.vectors), prompts.read(test.vectors)
    texts = band_texts(*prompts)
    clips, valid = padded_clips(train.clips)
    test_clips, test_valid = padded_clips(test.clips)

    def read(way: Way, rows: Rows, seed: int) -> Numbers:
        if way == "prompts":
            return asked
        if way == "ordinal":
            head = train_head(texts, clips[rows], valid[rows], train.ef[rows], seed, steps, without)
            return read_ef_with(head, test_clips, test_valid)
        known = _inputs(first[rows], train.vectors[rows], way)
        held = np.array([1e-6, 1e-6, *[ridge] * (known.shape[1] - 2)])
        weights = np.linalg.solve(known.T @ known + np.diag(held), known.T @ train.ef[rows])
        return np.asarray(_inputs(asked, test.vectors, way) @ weights)

    for k in shots:
        each = _drawn(train.ef, k, draws)
        labels = float(np.mean([len(rows) for rows in each]))
        for way in ways:
            errors = np.stack([np.abs(read(way, rows, draw) - test.ef) for draw, rows in enumerate(each)])
            yield ShotErrors(way, k, labels, errors)


def _inputs(first: Numbers, videos: Vectors, way: Way) -> Numbers:
    columns = [np.ones((len(first), 1)), first[:, None]]
    return np.concatenate([*columns, *([unit(videos).astype(np.float64)] if way == "probe" else [])], axis=1)
