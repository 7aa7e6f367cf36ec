"""The scale of a cine's 2D picture, from the box of tissue among its ultrasound regions (PS3.3 section C.8.5.5).

A scale that is wrong makes every chamber a wrong size, so whatever can be doubted is None: then the whole picture is
looked at, as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from echosearch.clip import PictureScale
from echosearch.video import TISSUE, TWO_D, Region

__all__ = ["scale_of_regions"]

DEPTHS = (20.0, 400.0)  # mm that the box of an echocardiogram may show, from above to below
ABOVE = 100.0  # mm that the probe may be above a zoomed picture: less than any clip's field
PIXELS = (0.04, 3.0)  # mm that a pixel may be: of shorter ones a clip's field would take gigabytes


def scale_of_regions(boxes: Sequence[Region], notes: Sequence[str], rows: int, columns: int) -> PictureScale | None:
    """Return the scale of the boxes and notes that ``read_regions`` gave.

    None for an absurd length, without a calibrated box of tissue, and where another box is unsound or beside it, for it
    may be a second picture. Where the reference pixel is not above the box's lower half, and between its sides, the
    picture begins at the middle of the box's upper edge.
    """
    pictures = [box for box in boxes if box.spatial_format == TWO_D]
    tissue = [box for box in pictures if box.data_type == TISSUE]
    if notes or len(tissue) != 1 or tissue[0].mm_per_pixel is None:
        return None
    if not all(_lies_in(box, tissue[0]) for box in pictures):
        return None
    box, mm = tissue[0], tissue[0].mm_per_pixel
    if not (PIXELS[0] <= mm <= PIXELS[1] and DEPTHS[0] <= (box.y1 - box.y0) * mm <= DEPTHS[1]):
        return None
    column, row = _probe(box)
    return PictureScale(mm, column, row, (rows, columns))


def _lies_in(box: Region, outer: Region) -> bool:
    """Return whether at least half of each side of a box is within another."""
    across = min(box.x1, outer.x1) - max(box.x0, outer.x0)
    down = min(box.y1, outer.y1) - max(box.y0, outer.y0)
    return 2 * across >= box.x1 - box.x0 and 2 * down >= box.y1 - box.y0


def _probe(box: Region) -> tuple[float, float]:
    """Return where the probe is: above the box where the picture is zoomed."""
    middle = (box.x0 + box.x1 - 1) / 2
    if box.origin is None or box.mm_per_pixel is None:
        return middle, float(box.y0)
    column, row = box.origin
    highest = box.y0 - ABOVE / box.mm_per_pixel
    if box.x0 <= column < box.x1 and highest <= row < (box.y0 + box.y1) / 2:
        return float(column), float(row)
    return middle, float(box.y0)
