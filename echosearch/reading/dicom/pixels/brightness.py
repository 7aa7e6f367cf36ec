"""Damage that shifts the brightness of a frame from some place on.

A block of a JPEG states how its mean differs from the one before, a row of a lossless JPEG how it differs from the row
above. So a damaged difference makes what follows darker than black, which a decoder shows as black; or it makes
everything down to the last row brighter, in this frame alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

__all__ = ["ShiftedFrames", "block_means"]

VISIBLE = 8  # grey levels
MOST = 0.6  # of the last row: the sector may reach it


def block_means(data: bytes | bytearray, table: int) -> tuple[NDArray[np.int32], int]:
    """Return the luminance means of a JPEG's 8 x 8 blocks, to a quantisation step, not clipped; and that step.

    ``table``: where ``data`` holds the quantisation table of luminance.
    """
    step = data[table]
    unscaled = bytearray(data)
    unscaled[table] = 1  # smaller means than any picture has fit into a byte
    eighth = simplejpeg.decode_jpeg(bytes(unscaled), "GRAY", min_height=1, min_width=1, min_factor=8)
    return (eighth[..., 0].astype(np.int32) - 128) * step + 128, step


class ShiftedFrames:
    """Watch the frames of one cine, in the order that they are decoded."""

    def __init__(self) -> None:
        self._before: list[NDArray[Any]] = []  # the last two frames

    def is_damaged(self, frame: NDArray[Any], step: int) -> bool:
        """Return True if ``frame`` leaves the range of 8 bits by more than a step, or if the frame before differs from
        both of its neighbours by a shift of its lower part. ``frame``: (rows, columns) int32.
        """
        if frame.min() < -step - 1 or frame.max() > 255 + step + 1:
            return True
        first, second = self._before if len(self._before) == 2 else (frame, frame)
        self._before = [*self._before[-1:], frame]
        up, down = _shift(first, second, step), _shift(frame, second, step)
        return up is not None and down is not None and abs(up - down) <= 2 * step


def _shift(one: NDArray[Any], other: NDArray[Any], step: int) -> int | None:
    """Return by how much most of the last row differs, if that is visible and the first row is the same."""
    last = other[-1] - one[-1]
    shift = int(np.median(last))
    if np.abs(other[0] - one[0]).max() > step or (np.abs(last - shift) <= step).mean() < MOST:
        return None
    return shift if abs(shift) >= max(2 * step, VISIBLE) else None
