"""Find the ultrasound sector of a cine by its motion: EchoPrime's mask, step by step.

    where frames are not black, thinned (drops the ECG trace)   and   where the first and last frame differ
        -> thickened -> filled -> convex hulls of its parts -> all that (0, 0) cannot reach

The published weights were trained on its output, so the steps are theirs; when no sector can be found the video is
refused, where their code passes the unmasked frames (and any burnt-in name) on.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason

__all__ = ["sector_mask"]

ROUNDS = 10  # of 3 x 3 erosion and dilation
CORNER = 20  # pixels at the upper left where some machines blink
OUTSIDE = 100  # flood-fill colour
KERNEL = np.ones((3, 3), np.uint8)
# (black, still): a grey up to `black` is black, a change up to `still` is none. Stored frames are exact, and theirs
# compares exactly; a video codec leaves traces. 1 and 2 agreed best with the masks of the same cines unpacked.
EXACT, PREDICTED = (0, 0), (1, 2)
# A sector fills a third to two thirds of a picture; below this share nothing but noise moved
SMALLEST = 0.02


def sector_mask(frames: Iterable[Uint8], predicted: bool = False) -> Uint8:
    """Return (H, W) uint8, 255 within the sector, from every frame of a cine, (H, W, 3) in YCbCr as stored.

    ``predicted``: the frames come from a video codec (FrameSource.predicted).

    Raises FileRefused (MASK_FAILED) if nothing moves, or the sector cannot be separated from its surroundings.
    """
    black, still = PREDICTED if predicted else EXACT
    lit, first, last = _lit_frames(frames, black)
    if first is None or last is None:
        raise FileRefused(Quarantined(Reason.MASK_FAILED, "no frames to find the ultrasound sector in"))
    moved = cv2.absdiff(first, last) > still
    moved[:CORNER, :CORNER] = False
    steady = cv2.erode(np.minimum(lit, 255).astype(np.uint8), KERNEL, iterations=ROUNDS) > 0
    moving = cv2.dilate((steady & moved).astype(np.uint8), KERNEL, iterations=ROUNDS)
    mask = _unreached(_with_hulls(_unreached(np.asarray(moving, np.uint8))))
    if mask[0, 0] or (mask > 0).mean() < SMALLEST:
        raise FileRefused(
            Quarantined(Reason.MASK_FAILED, "no ultrasound sector found: nothing moves within a dark surround")
        )
    return mask


def _lit_frames(
    frames: Iterable[Uint8], black: int
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], Uint8 | None, Uint8 | None]:
    """In how many frames each pixel is not black, and the grey of the first and the last frame."""
    lit = np.zeros((0, 0), np.int64)
    first: Uint8 | None = None
    last: Uint8 | None = None
    for frame in frames:
        last = _grey(frame)
        if first is None:
            first = last
            # theirs counts the first frame once more, computed in floating point
            lit = (_grey(frame.astype(np.float32)) > black).astype(np.int64)
        lit += last > black
    return lit, first, last


def _grey(yuv: np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.float32]]) -> Uint8:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB), cv2.COLOR_RGB2GRAY))


def _unreached(parts: Uint8) -> Uint8:
    """255 wherever a flood from (0, 0) does not come."""
    flooded = parts.copy()
    cv2.floodFill(flooded, None, (0, 0), OUTSIDE)
    return np.where(flooded != OUTSIDE, 255, 0).astype(np.uint8)


def _with_hulls(parts: Uint8) -> Uint8:
    """The parts and the outlines of their convex hulls, 3 pixels wide; 1 where set."""
    drawn = parts.copy()
    contours, _ = cv2.findContours(parts, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours:
        cv2.drawContours(drawn, [cv2.convexHull(contour)], -1, (255, 0, 0), 3)
    return (drawn > 0).astype(np.uint8)
