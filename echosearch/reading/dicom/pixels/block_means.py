"""The means of a JPEG's 8 x 8 blocks: damage that stays in step shifts the brightness of all blocks behind it.

A block states how its mean differs from the one before. So a damaged difference makes black blocks darker than black,
which a decoder shows as black; or it makes everything down to the last row brighter, in this frame alone.
"""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

__all__ = ["BlockMeans"]

VISIBLE = 8  # grey levels
MOST = 0.6  # of the last row: the sector may reach it
Means = NDArray[np.int32]


class BlockMeans:
    """Watch the frames of one cine, in the order that they are decoded."""

    def __init__(self) -> None:
        self._before: list[Means] = []  # of the last two frames

    def is_shifted(self, data: bytes | bytearray, table: int) -> bool:
        """Return True if a frame has impossible means, or if the frame before differs from both of its neighbours by
        a shift of its lower part. ``table``: where ``data`` holds the quantisation table of luminance.
        """
        step = data[table]
        if not step:
            return False
        unscaled = bytearray(data)
        unscaled[table] = 1  # of means: so none of them is clipped
        eighth = simplejpeg.decode_jpeg(bytes(unscaled), "GRAY", min_height=1, min_width=1, min_factor=8)
        means = (eighth[..., 0].astype(np.int32) - 128) * step + 128
        if means.min() < -step - 1 or means.max() > 255 + step + 1:
            return True
        first, second = self._before if len(self._before) == 2 else (means, means)
        self._before = [*self._before[-1:], means]
        up, down = _shift(first, second, step), _shift(means, second, step)
        return up is not None and down is not None and abs(up - down) <= 2 * step


def _shift(one: Means, other: Means, step: int) -> int | None:
    """Return by how much most of the last row differs, if that is visible and the first row is the same."""
    difference = other - one
    shift = int(np.median(difference[-1]))
    is_alike = np.abs(difference[-1] - shift) <= step
    if np.abs(difference[0]).max() > step or is_alike.mean() < MOST:
        return None
    return shift if abs(shift) >= max(2 * step, VISIBLE) else None
