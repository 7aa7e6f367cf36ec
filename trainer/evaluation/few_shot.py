"""Compare ways to read EF with few labels: k labelled studies for every integer EF, drawn again and again.

prompts    the value of the nearest prompts, no label
line       a line through that
probe      the line, and ridge weights on the unit study vector (echosearch/insight/probes)
ordinal    CardiacCLIP's head over the study's clips (ordinal_head.py)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.search.arms.prompts import value_prompts
from echosearch.search.arms.value_scale import nearest_values
from echosearch.vector import Vectors, unit
from trainer.evaluation.ordinal_head import band_texts, padded_clips, read_ef_with, train_head

__all__ = ["SHOTS", "EfStudies", "FewShot", "few_shot", "labelled_rows", "prompted_ef"]

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


def prompted_ef(encoder: Encoder, videos: Vectors) -> Numbers:
    """Return the EF of (N, D) raw study vectors by the prompts that are nearest."""
    values, prompts = _prompts(encoder)
    return nearest_values((unit(videos) @ prompts.T).astype(np.float64), values)


def _prompts(encoder: Encoder) -> tuple[Numbers, Vectors]:
    """The values, (V,), and the unit mean prompt of each, (V, D)."""
    asked = value_prompts("lvef", encoder.text_spec.language)
    assert asked is not None
    means = [unit(encoder.encode_texts(level.meanings[0])).mean(axis=0) for level in asked.levels]
    return np.array([level.value for level in asked.levels], np.float64), np.stack(means)


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
    values, prompts = _prompts(encoder)
    first, asked = (nearest_values((unit(one.vectors) @ prompts.T).astype(np.float64), values) for one in (train, test))
    texts = band_texts(values, prompts)
    clips, valid = padded_clips(train.clips)
    test_clips, test_valid = padded_clips(test.clips)

    def read(way: Way, rows: Rows, seed: int) -> Numbers:
        if way == "ordinal":
            head = train_head(texts, clips[rows], valid[rows], train.ef[rows], seed)
            return read_ef_with(head, test_clips, test_valid)
        known = _inputs(first[rows], train.vectors[rows], way)
        held = np.array([1e-6, 1e-6, *[RIDGE] * (known.shape[1] - 2)])
        weights = np.linalg.solve(known.T @ known + np.diag(held), known.T @ train.ef[rows])
        return np.asarray(_inputs(asked, test.vectors, way) @ weights)

    apart = float(np.abs(asked - test.ef).mean())
    found = [FewShot("prompts", 0, 0, apart, apart, apart)]
    plans = [
        (k, [labelled_rows(train.ef, k, np.random.default_rng([k, draw])) for draw in range(draws)]) for k in shots
    ]
    total = len(plans) + 1
    for done, (k, each) in enumerate([*plans, (None, [np.arange(len(train.ef))])], 1):
        for way in ways:
            errors = [float(np.abs(read(way, rows, draw) - test.ef).mean()) for draw, rows in enumerate(each)]
            low, high = np.percentile(errors, (2.5, 97.5))
            labels = float(np.mean([len(rows) for rows in each]))
            found.append(FewShot(way, k, labels, float(np.mean(errors)), float(low), float(high)))
        if progress:
            progress(done, total)
    return tuple(found)


def _inputs(first: Numbers, videos: Vectors, way: Way) -> Numbers:
    columns = [np.ones((len(first), 1)), first[:, None]]
    return np.concatenate([*columns, *([unit(videos).astype(np.float64)] if way == "probe" else [])], axis=1)
