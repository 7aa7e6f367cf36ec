"""From the head's probabilities, an outline or a mask, to the cavity of a frame: its outline, area, axis and discs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from echosearch.clip import Uint8
from echosearch.contour.values import DISCS, POINTS, SIDE, Box, Cavity, Floats

__all__ = ["cavity_of_mask", "cavity_of_outline", "cavity_of_probabilities", "filled"]

FINE = 4  # cells a pixel, each way, on which a cavity is measured
SURE = 0.5
SMALLEST = 0.004  # of the square: 50 pixels
WHOLE = 0.85  # of all that looks like cavity, the largest piece
WITHIN = 0.98  # of a mask, within the box


def cavity_of_probabilities(probabilities: NDArray[np.float32]) -> Cavity | None:
    """Return the largest piece of (SIDE, SIDE) probabilities above one half; None if it is small, or one of several."""
    side = SIDE * FINE
    fine = cv2.resize(probabilities, (side, side), interpolation=cv2.INTER_LINEAR)
    return _cavity((fine > SURE).astype(np.uint8))


def cavity_of_outline(points: Floats) -> Cavity | None:
    """Return the cavity within (N, 2) points of the square, column and row."""
    return _cavity(filled(points, FINE))


def cavity_of_mask(mask: Uint8, box: Box) -> Cavity | None:
    """Return the cavity of a mask (H, W) of 0 and 1, in pixels of the picture; None if it is small, or not one piece
    within the box.
    """
    inner = mask[box.y : box.y + box.height, box.x : box.x + box.width]
    if not mask.any() or inner.sum(dtype=np.int64) < WITHIN * mask.sum(dtype=np.int64):
        return None
    scale, (left, top) = box.shrink * FINE, box.margin
    to_cells = np.array([[scale, 0, left * FINE + scale / 2 - 0.5], [0, scale, top * FINE + scale / 2 - 0.5]])
    # a picture that is finer than the cells is averaged: warpAffine alone takes single pixels
    fine = cv2.blur(inner.astype(np.float32), (max(round(1 / scale), 1) | 1,) * 2)
    return _cavity((cv2.warpAffine(fine, to_cells, (SIDE * FINE,) * 2) > SURE).astype(np.uint8))


def filled(points: Floats, fine: int = 1) -> Uint8:
    """Return a square of SIDE x ``fine`` cells each way, 1 within (N, 2) points in pixels of the square."""
    cells = np.zeros((SIDE * fine, SIDE * fine), np.uint8)
    corners = np.round(((points + 0.5) * fine - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(cells, [corners], 1, cv2.LINE_8, 4)
    return cells


def _cavity(cells: Uint8) -> Cavity | None:
    contours, _ = cv2.findContours(cells, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    piece = np.zeros_like(cells)
    cv2.drawContours(piece, [largest], 0, 1, cv2.FILLED)
    rows, columns = np.nonzero(piece)
    area = len(rows) / FINE**2
    if area < SMALLEST * SIDE**2 or len(rows) < WHOLE * int((cells | piece).sum()):
        return None
    places = np.stack((columns, rows), axis=1) / FINE
    length, widths = _discs(places)
    edge = (largest[:, 0].astype(np.float64) + 0.5) / FINE - 0.5
    return Cavity(_even(edge), area, length, widths)


def _discs(places: Floats) -> tuple[float, Floats]:
    """Return the length along the axis of most extent, and the width of each of DISCS slices across it, from above."""
    middle = places.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((places - middle).T))
    axis = vectors[:, -1] * (1 if vectors[1, -1] >= 0 else -1)  # downwards: the apex is nearer to the probe
    along = (places - middle) @ axis
    low, high = float(along.min()), float(along.max()) + 1e-9
    counts, _ = np.histogram(along, DISCS, (low, high))
    length = high - low + 1 / FINE
    widths: Floats = counts / FINE**2 / (length / DISCS)
    return length, widths


def _even(edge: Floats) -> Floats:
    """Return POINTS points at even distances along a closed line."""
    closed = np.concatenate((edge, edge[:1]))
    steps = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))))
    at = np.linspace(0.0, steps[-1], POINTS, endpoint=False)
    return np.stack([np.interp(at, steps, closed[:, side]) for side in (0, 1)], axis=1)
