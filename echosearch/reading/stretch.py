"""Pixels that are not square, as of digitised video tapes: the shorter side of a pixel is made as long as the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from echosearch.clip import Uint8
from echosearch.video import SQUARE, Region

__all__ = ["AS_STORED", "MOST_STRETCHED", "Stretch", "stretch_of"]


MOST_STRETCHED = 2.5  # and its inverse: single fields of video give 2, half of the columns of a line 1.8


@dataclass(frozen=True)
class Stretch:
    """How many times as high and as wide as stored a picture is shown; one of them is 1."""

    down: float = 1.0
    across: float = 1.0

    def size(self, rows: int, columns: int) -> tuple[int, int]:
        """Return the rows and columns that are shown."""
        return round(rows * self.down), round(columns * self.across)

    def stretched(self, stored: Uint8) -> Uint8:
        """Return the picture (H, W, 3), or the mask (H, W), as it is shown."""
        if self == AS_STORED:
            return stored
        import cv2  # here, so that reading a header does not load it

        rows, columns = self.size(*stored.shape[:2])
        kind = cv2.INTER_LINEAR if stored.ndim == 3 else cv2.INTER_NEAREST
        return np.asarray(cv2.resize(stored, (columns, rows), interpolation=kind), np.uint8)

    def region(self, box: Region) -> Region:
        """Return the box in the picture that is shown."""
        if self == AS_STORED:
            return box
        return replace(
            box,
            x0=round(box.x0 * self.across),
            x1=round(box.x1 * self.across),
            y0=round(box.y0 * self.down),
            y1=round(box.y1 * self.down),
            mm_down=None if box.mm_down is None else box.mm_down / self.down,
            mm_across=None if box.mm_across is None else box.mm_across / self.across,
            origin=None
            if box.origin is None
            else (_moved(box.origin[0], self.across), _moved(box.origin[1], self.down)),
        )


AS_STORED = Stretch()


def stretch_of(aspect: float | None) -> Stretch:
    """Return the stretch for pixels whose height is ``aspect`` times their width; None: nothing says so."""
    if aspect is None or abs(1 / aspect - 1) <= SQUARE:
        return AS_STORED
    return Stretch(down=aspect) if aspect > 1 else Stretch(across=1 / aspect)


def _moved(at: int, factor: float) -> int:
    """Return where the middle of a pixel is shown."""
    return round((at + 0.5) * factor - 0.5)
