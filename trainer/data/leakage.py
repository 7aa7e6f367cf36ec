"""Leakage checks: fail if a patient or near-duplicate video is in both train and test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echosearch.errors import InputError
from trainer.data.cache import ClipCache
from trainer.data.pairs import Study, Video

__all__ = ["NEAR", "Leakage", "check_patients", "check_videos", "look"]

NEAR = 0.995  # correlation of two looks from which two videos are one: a re-export, another compression
GRID = 12  # a look is GRID x GRID cells of FRAMES frames
FRAMES = 4


class Leakage(InputError):
    """The same patient or video is in train and test: scores would mean nothing."""


def check_patients(train: Sequence[Study], test: Sequence[Study]) -> None:
    """Compare the patients. Raises Leakage, with a count and no name."""
    both = _patients(train) & _patients(test)
    if both:
        raise Leakage(f"{len(both)} patients are on both sides of the split: split by patient, then evaluate again")
    reports = {study.key for study in train} & {study.key for study in test}
    if reports:
        raise Leakage(f"{len(reports)} studies are on both sides of the split: split by patient, then evaluate again")


def _patients(studies: Sequence[Study]) -> set[str]:
    return {name for study in studies for name in (study.patient, study.also_patient) if name}


def check_videos(train: Sequence[Video], test: Sequence[Video], cache: ClipCache, near: float = NEAR) -> None:
    """Compare the videos. Raises Leakage if a test video equals a training video but for compression. O(n m), in
    blocks.
    """
    a, b = _looks(train, cache), _looks(test, cache)
    if not len(a) or not len(b):
        return
    found = sum(int((rows @ a.T >= near).any(axis=1).sum()) for rows in np.array_split(b, len(b) // 512 + 1))
    if found:
        raise Leakage(
            f"{found} of {len(b)} test videos are near-duplicates (correlation {near} or more) of training videos, "
            "though their patients differ: a study exported under two patient ids? remove one, then evaluate again"
        )


def look(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the coarse brightness of (T, S, S, 3) uint8 in FRAMES frames as a unit vector, without the mean sector."""
    frames = pixels[np.linspace(0, len(pixels) - 1, FRAMES).round().astype(int)].astype(np.float32).mean(axis=3)
    cells = pixels.shape[1] // GRID
    trimmed = frames[:, : cells * GRID, : cells * GRID].reshape(FRAMES, GRID, cells, GRID, cells)
    coarse = trimmed.mean(axis=(2, 4)).ravel()
    return np.asarray(coarse, np.float32)


def _looks(videos: Sequence[Video], cache: ClipCache) -> NDArray[np.float32]:
    rows = [look(cache.clip(video.key).pixels) for video in videos if cache.n_valid(video.key) > 0]
    if not rows:
        return np.empty((0, FRAMES * GRID * GRID), np.float32)
    stacked = np.stack(rows)
    stacked -= stacked.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(stacked, axis=1, keepdims=True)
    return np.asarray(stacked / np.maximum(norms, 1e-6), np.float32)
