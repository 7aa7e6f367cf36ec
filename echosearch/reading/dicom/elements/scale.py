"""The scale of a cine's 2D picture, from the box of tissue among its ultrasound regions (PS3.3 section C.8.5.5).

A scale that is wrong makes every chamber a wrong size, so whatever can be doubted is None: then the whole picture is
looked at, as it is.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from echosearch.clip import PictureScale
from echosearch.reading.dicom.elements.regions import read_regions
from echosearch.video import Region

__all__ = ["read_scale"]

TWO_D, TISSUE = 1, 1  # RegionSpatialFormat (0018,6012), RegionDataType (0018,6014)
DEPTHS = (20.0, 400.0)  # mm that the box of an echocardiogram may show, from above to below
PIXELS = (0.04, 3.0)  # mm that a pixel may be: of shorter ones a clip's field would take gigabytes


def read_scale(dataset: Dataset, rows: int, columns: int) -> PictureScale | None:
    """Return the scale; None without a calibrated box of tissue, with two (side by side), or for an absurd length.

    Where the reference pixel is not above the box's lower half, and between its sides, the picture begins at the middle
    of the box's upper edge.
    """
    boxes = read_regions(dataset, rows, columns)[0]
    tissue = [box for box in boxes if (box.spatial_format, box.data_type) == (TWO_D, TISSUE)]
    if len(tissue) != 1 or tissue[0].mm_per_pixel is None:
        return None
    box, mm = tissue[0], tissue[0].mm_per_pixel
    if not (PIXELS[0] <= mm <= PIXELS[1] and DEPTHS[0] <= (box.y1 - box.y0) * mm <= DEPTHS[1]):
        return None
    column, row = _probe(box)
    return PictureScale(mm, column, row)


def _probe(box: Region) -> tuple[float, float]:
    """Return where the probe is. Above the picture where it is zoomed, but by no more than the deepest picture."""
    middle = (box.x0 + box.x1 - 1) / 2
    if box.origin is None or box.mm_per_pixel is None:
        return middle, float(box.y0)
    column, row = box.origin
    highest = box.y0 - DEPTHS[1] / box.mm_per_pixel
    if box.x0 <= column < box.x1 and highest <= row < (box.y0 + box.y1) / 2:
        return float(column), float(row)
    return middle, float(box.y0)
