"""Find what a preview may show of a cine: the fan, within the boxes that its file declares, without lettering.

    2D boxes   and   the hull of the largest area that moves in each   less   what is written on it
    or   a declared ECG box

What is written is outside the fan, or stands still on it. A cine without a 2D box, or without motion in it, has no mask
and no preview. None of this proves that no lettering is left: docs/previews.md has what was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from echosearch.clip import Uint8
from echosearch.preview.values import NoPreview, Refusal
from echosearch.video import COLOUR_FLOW, TISSUE, TWO_D, Region

__all__ = ["fan_mask"]

ECG = 0xA  # RegionDataType (0018,6014)
STEP = 4  # grey levels from frame to frame that are motion: a video codec's flicker is 1 or 2
MOVING = 0.25  # share of the steps in which a pixel moves; a cursor that sweeps over it moves it twice
SMALLEST = 0.1  # of its box: a fan is more than that
BRIGHT, STILL = 110, 24  # grey levels: lettering is at least so bright, and its range over all frames at most so wide
THIN = 40  # grey levels: how much a stroke is brighter than what is around it
LARGEST_ECG = 0.3  # of the picture's rows, from below: a box that begins above is no strip for an ECG


def fan_mask(frames: Iterable[Uint8], regions: Sequence[Region]) -> Uint8 | NoPreview:
    """Return (H, W) uint8, 255 where the cine may be shown, from all its frames (H, W, 3) uint8 RGB; or why nowhere.

    One frame is in memory at a time.
    """
    shown = [box for box in regions if box.spatial_format == TWO_D and box.data_type in (TISSUE, COLOUR_FLOW)]
    boxes = [box for box in shown if box.data_type == TISSUE] or shown
    if not boxes:
        return NoPreview(Refusal.NO_BOX, "the file declares no box of a 2D picture")
    moving, low, high = _watch(frames)
    fan = np.zeros_like(low)
    for box in boxes:
        place = slice(box.y0, box.y1), slice(box.x0, box.x1)
        fan[place] |= _hull(moving[place])
    if not fan.any():
        return NoPreview(Refusal.NO_MOTION, "nothing moves in its boxes that could be a fan")
    fan[_lettering(low, high)] = 0
    for box in regions:
        if box.data_type == ECG and box.y0 >= (1 - LARGEST_ECG) * fan.shape[0]:
            fan[box.y0 : box.y1, box.x0 : box.x1] = 255
    return fan


def _watch(frames: Iterable[Uint8]) -> tuple[Uint8, Uint8, Uint8]:
    """Return where a picture moves (0 or 255), and the lowest and the highest grey of each pixel, (H, W) each."""
    last = low = high = None
    moved = np.zeros((0, 0), np.float32)
    steps = 0
    for frame in frames:
        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
        if last is None or low is None or high is None:
            low, high, moved = grey.copy(), grey.copy(), np.zeros(grey.shape, np.float32)
        else:
            cv2.min(low, grey, low)
            cv2.max(high, grey, high)
            _, step = cv2.threshold(cv2.absdiff(last, grey), STEP - 1, 1, cv2.THRESH_BINARY)
            cv2.accumulate(step, moved)
            steps += 1
        last = grey
    if low is None or high is None:
        return (np.zeros((0, 0), np.uint8),) * 3
    return np.where(moved >= max(MOVING * steps, 1), 255, 0).astype(np.uint8), low, high


def _hull(moving: Uint8) -> Uint8:
    """Return the convex hull of the largest area that moves, 255 within it; all 0 if that is too small for a fan."""
    side = max(3, min(moving.shape) // 60 | 1)
    # speckle moves pixel by pixel: close it to an area, then cut what hangs on it by a thread
    areas = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    areas = cv2.morphologyEx(areas, cv2.MORPH_OPEN, np.ones((2 * side + 1, 2 * side + 1), np.uint8))
    hull = np.zeros_like(moving)
    contours, _ = cv2.findContours(areas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(contours, key=cv2.contourArea, default=None)
    if largest is not None:
        outline = cv2.convexHull(largest)
        if cv2.contourArea(outline) >= SMALLEST * moving.size:
            cv2.fillConvexPoly(hull, outline, 255)
    return hull


def _lettering(low: Uint8, high: Uint8) -> NDArray[np.bool_]:
    """Return where something written stands still, with what is between its strokes: black letters would be read too.

    It is bright throughout, or a thin line in the darkest that each pixel gets: speckle moves, and is not in that.
    """
    stroke = max(5, low.shape[0] // 60 | 1)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (stroke, stroke))
    thin = cv2.morphologyEx(low, cv2.MORPH_TOPHAT, around) >= THIN
    found = ((low >= BRIGHT) & (cv2.subtract(high, low) <= STILL)) | thin
    wide, side = max(5, low.shape[0] // 40 | 1), max(3, low.shape[0] // 80 | 1)
    blocks = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((wide, wide), np.uint8))
    return np.asarray(cv2.dilate(blocks, np.ones((side, side), np.uint8))) > 0
