"""Sequence of Ultrasound Regions (0018,6011), each box checked against the image (PS3.3 section C.8.5.5).

Boxes in real files are wrong in many ways: off by one at the edge, exchanged corners, empty, beyond the image, or
left from a larger original after the image was scaled down. An unsound box neither decides anything nor takes the
sound ones with it.
"""

from __future__ import annotations

from dataclasses import replace

from pydicom.dataset import Dataset

from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS
from echosearch.reading.dicom.elements.values import first_number, numbers
from echosearch.video import Region

__all__ = ["read_regions"]

TOLERANCE = 2  # pixels that a box may stick out and is only clipped
MOSTLY = 0.9  # share of its area that a box has inside the image to be clipped
SMALLEST = 4  # pixels; a box with a shorter side marks nothing
CENTIMETRES = 3  # PhysicalUnitsXDirection (0018,6024)
MAX_REGIONS = 64
# widths and heights that ultrasound machines capture at; a scaled image came from one of them
ORIGINALS = (
    (640, 480), (720, 480), (720, 576), (768, 576), (800, 600), (1016, 708), (1024, 768), (1280, 720), (1280, 960),
    (1280, 1024), (1552, 873), (1600, 1200), (1920, 1080), (1920, 1200),
)  # fmt: skip


def read_regions(dataset: Dataset, rows: int, columns: int) -> tuple[tuple[Region, ...], tuple[str, ...]]:
    """Return the boxes that fit the image, and notes: "regions_rescaled", "regions_dropped" (some), "regions_ignored"
    (all).
    """
    items = _items(dataset)
    boxes = [box for box in map(_box, items) if box is not None]
    outside = sum(not _fits(box, rows, columns) for box in boxes)
    if 2 * outside > len(boxes):  # most: rather a scaled image than so many wrong boxes
        scaled = _from_a_larger_original(boxes, rows, columns)
        if scaled:
            return scaled, ("regions_rescaled",)
    inside = [_clip(box, rows, columns) for box in boxes]
    kept = tuple(
        new if _fits(box, rows, columns) else replace(new, mm_down=None, mm_across=None)
        for box, new in zip(boxes, inside, strict=True)
        if _is_box(new) and (_fits(box, rows, columns) or _area(new) >= MOSTLY * _area(box))
    )
    if len(kept) == len(items):
        return kept, ()
    return kept, ("regions_dropped" if kept else "regions_ignored",)


def _from_a_larger_original(boxes: list[Region], rows: int, columns: int) -> tuple[Region, ...]:
    """Return the boxes scaled down with the image; () if no usual original size explains them all."""
    for width, height in ORIGINALS:
        scale = columns / width
        if scale >= 1 or abs(rows / height - scale) > 0.01 * scale:
            continue
        if all(_fits(box, height, width) for box in boxes):
            scaled = (_clip(_scale(box, scale), rows, columns) for box in boxes)
            return tuple(box for box in scaled if _is_box(box))
    return ()


def _items(dataset: Dataset) -> list[Dataset]:
    try:
        items = list(dataset.get("SequenceOfUltrasoundRegions") or [])[:MAX_REGIONS]
    except VALUE_ERRORS:
        return []
    return [item for item in items if isinstance(item, Dataset)]


def _box(item: Dataset) -> Region | None:
    """Return the box; None if a corner is missing or the corners enclose nothing. Exchanged corners are allowed."""
    corners = [
        first_number(item, keyword)
        for keyword in ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    ]
    if any(corner is None for corner in corners):
        return None
    x0, y0, x1, y1 = (_signed(int(corner or 0)) for corner in corners)
    across, down = _offset(item, "X"), _offset(item, "Y")
    mm_down, mm_across = _millimetres(item)
    box = Region(
        spatial_format=_code(item, "RegionSpatialFormat"),
        data_type=_code(item, "RegionDataType"),
        x0=min(x0, x1),
        y0=min(y0, y1),
        x1=max(x0, x1) + 1,  # the attribute names the last pixel inside
        y1=max(y0, y1) + 1,
        mm_down=mm_down,
        mm_across=mm_across,
        origin=None if across is None or down is None else (min(x0, x1) + across, min(y0, y1) + down),
    )
    return box if _is_box(box) else None


def _only(item: Dataset, keyword: str) -> float | None:
    """Return the one value of an element that has one; None where there are several, and one cannot be chosen."""
    values = numbers(item, keyword)
    return values[0] if len(values) == 1 else None


def _offset(item: Dataset, axis: str) -> int | None:
    """Return the reference pixel's distance from the box's first pixel, if it is where the physical value is 0."""
    offset = _only(item, f"ReferencePixel{axis}0")
    if offset is None or _only(item, f"ReferencePixelPhysicalValue{axis}") != 0:
        return None
    return int(offset)


def _signed(corner: int) -> int:
    """Corners are unsigned (UL); one that a machine computed below 0 is stored as nearly 2**32."""
    return corner - (1 << 32) if 1 << 31 <= corner < 1 << 32 else corner


def _code(item: Dataset, keyword: str) -> int:
    """Return an enumerated value; 0 (not stated) if it is missing or impossible."""
    value = first_number(item, keyword)
    return int(value) if value is not None and 0 <= value <= 0xFF and value == int(value) else 0


def _is_box(box: Region) -> bool:
    return box.x1 - box.x0 >= SMALLEST and box.y1 - box.y0 >= SMALLEST


def _area(box: Region) -> int:
    return (box.x1 - box.x0) * (box.y1 - box.y0)


def _millimetres(item: Dataset) -> tuple[float, float] | tuple[None, None]:
    """Return the height and the width of a pixel from PhysicalDelta, if both directions are in cm."""
    if {_only(item, "PhysicalUnitsXDirection"), _only(item, "PhysicalUnitsYDirection")} != {float(CENTIMETRES)}:
        return None, None
    dx, dy = _only(item, "PhysicalDeltaX"), _only(item, "PhysicalDeltaY")
    return (abs(dy) * 10.0, abs(dx) * 10.0) if dx and dy else (None, None)


def _fits(box: Region, rows: int, columns: int) -> bool:
    return (
        box.x0 >= -TOLERANCE and box.y0 >= -TOLERANCE and box.x1 <= columns + TOLERANCE and box.y1 <= rows + TOLERANCE
    )


def _clip(box: Region, rows: int, columns: int) -> Region:
    return replace(box, x0=max(box.x0, 0), y0=max(box.y0, 0), x1=min(box.x1, columns), y1=min(box.y1, rows))


def _scale(box: Region, scale: float) -> Region:
    """Return the box in the scaled image, without its calibration, which no longer holds."""
    x0, y0, x1, y1 = (round(side * scale) for side in (box.x0, box.y0, box.x1, box.y1))
    return replace(box, x0=x0, y0=y0, x1=x1, y1=y1, mm_down=None, mm_across=None, origin=None)
