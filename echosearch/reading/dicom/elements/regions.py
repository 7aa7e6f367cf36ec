"""Sequence of Ultrasound Regions (0018,6011), checked against the image (PS3.3 section C.8.5.5).

Boxes in real files are wrong in three ways: off by one at the edge, left from a larger original after the
image was scaled down, or nonsense. The first are clipped, the second scaled, the third dropped.
"""

from __future__ import annotations

from dataclasses import replace

from pydicom.dataset import Dataset

from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS
from echosearch.reading.dicom.elements.values import number
from echosearch.video import Region

__all__ = ["read_regions"]

TOLERANCE = 2  # pixels that a box may stick out and is only clipped
CENTIMETRES = 3  # PhysicalUnitsXDirection (0018,6024)
MAX_REGIONS = 64
# widths and heights that ultrasound machines capture at; a scaled image came from one of them
ORIGINALS = (
    (640, 480), (720, 480), (720, 576), (768, 576), (800, 600), (1016, 708), (1024, 768), (1280, 720), (1280, 960),
    (1280, 1024), (1552, 873), (1600, 1200), (1920, 1080), (1920, 1200),
)  # fmt: skip


def read_regions(dataset: Dataset, rows: int, columns: int) -> tuple[tuple[Region, ...], tuple[str, ...]]:
    """Boxes that fit the image, and notes: "regions_rescaled" or "regions_ignored"."""
    boxes = _boxes(dataset)
    if not boxes:
        return (), ()
    if all(_fits(box, rows, columns) for box in boxes):
        clipped = tuple(_clip(box, rows, columns) for box in boxes)
        return tuple(box for box in clipped if box.x1 > box.x0 and box.y1 > box.y0), ()
    for width, height in ORIGINALS:
        scale = columns / width
        if scale >= 1 or abs(rows / height - scale) > 0.01 * scale:
            continue
        if all(_fits(box, height, width) for box in boxes):
            scaled = tuple(_clip(_scale(box, scale), rows, columns) for box in boxes)
            return tuple(box for box in scaled if box.x1 > box.x0 and box.y1 > box.y0), ("regions_rescaled",)
    return (), ("regions_ignored",)


def _boxes(dataset: Dataset) -> list[Region]:
    try:
        items = list(dataset.get("SequenceOfUltrasoundRegions") or [])[:MAX_REGIONS]
    except VALUE_ERRORS:
        return []
    found = [_box(item) for item in items if isinstance(item, Dataset)]
    return [box for box in found if box is not None]


def _box(item: Dataset) -> Region | None:
    corners = [
        number(item, keyword)
        for keyword in ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    ]
    if any(corner is None for corner in corners):
        return None
    x0, y0, x1, y1 = (int(corner or 0) for corner in corners)
    if x1 < x0 or y1 < y0:
        return None
    return Region(
        spatial_format=int(number(item, "RegionSpatialFormat") or 0),
        data_type=int(number(item, "RegionDataType") or 0),
        x0=x0,
        y0=y0,
        x1=x1 + 1,  # the attribute names the last pixel inside
        y1=y1 + 1,
        mm_per_pixel=_mm_per_pixel(item),
    )


def _mm_per_pixel(item: Dataset) -> float | None:
    """From PhysicalDelta where both directions are in cm and agree to 1 %."""
    if {number(item, "PhysicalUnitsXDirection"), number(item, "PhysicalUnitsYDirection")} != {float(CENTIMETRES)}:
        return None
    dx, dy = number(item, "PhysicalDeltaX"), number(item, "PhysicalDeltaY")
    if not dx or not dy or abs(abs(dx) - abs(dy)) > 0.01 * abs(dy):
        return None
    return abs(dy) * 10.0


def _fits(box: Region, rows: int, columns: int) -> bool:
    return (
        box.x0 >= -TOLERANCE and box.y0 >= -TOLERANCE and box.x1 <= columns + TOLERANCE and box.y1 <= rows + TOLERANCE
    )


def _clip(box: Region, rows: int, columns: int) -> Region:
    return replace(box, x0=max(box.x0, 0), y0=max(box.y0, 0), x1=min(box.x1, columns), y1=min(box.y1, rows))


def _scale(box: Region, scale: float) -> Region:
    """The box in the scaled image; its calibration is not believed any more."""
    x0, y0, x1, y1 = (round(side * scale) for side in (box.x0, box.y0, box.x1, box.y1))
    return replace(box, x0=x0, y0=y0, x1=x1, y1=y1, mm_per_pixel=None)
