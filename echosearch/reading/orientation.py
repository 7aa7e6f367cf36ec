"""How a player turns the pictures of a video: a phone held upright stores them lying, and states a matrix.

ISO base media (ISO 14496-12, 6.2.2) and display orientation messages of H.264 and HEVC give nine numbers

    a b u        a point (p, q) of the stored picture is shown at (a p + c q + x, b p + d q + y)
    c d v
    x y w
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason

__all__ = ["UPRIGHT", "Orientation", "orientation_of"]

SLANT = 0.02  # a part of the longer side: what is less comes from rounding of a sine


@dataclass(frozen=True)
class Orientation:
    """Exchange rows and columns, then mirror: what a matrix of quarter turns and mirrors does."""

    transposed: bool = False
    mirrored: bool = False  # left and right
    upside_down: bool = False

    def turned(self, picture: Uint8) -> Uint8:
        """Return the picture (H, W, 3) as it is shown; (W, H, 3) where it is ``transposed``."""
        if self == UPRIGHT:
            return picture
        shown = picture.swapaxes(0, 1) if self.transposed else picture
        return np.ascontiguousarray(shown[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1])


UPRIGHT = Orientation()


def orientation_of(picture: Any) -> Orientation:
    """Return how a decoded picture is to be turned.

    Raises FileRefused(UNSUPPORTED_SYNTAX) for an angle that is no quarter turn.
    """
    stated = picture.side_data.get("DISPLAYMATRIX")
    if stated is None:
        return UPRIGHT
    a, b, _, c, d, *_ = struct.unpack("9i", bytes(stated))
    least = SLANT * max(abs(a), abs(b), abs(c), abs(d))
    straight = abs(a) > least and abs(d) > least
    crossed = abs(b) > least and abs(c) > least
    if straight and max(abs(b), abs(c)) <= least:
        return Orientation(False, a < 0, d < 0)
    if crossed and max(abs(a), abs(d)) <= least:
        return Orientation(True, c < 0, b < 0)
    if least == 0:  # no picture would be left: players show it as it is
        return UPRIGHT
    rule = "the video is to be shown turned by an angle that is no quarter turn"
    raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, rule))
