"""How high a pixel is for its width: by Pixel Aspect Ratio (0028,0034) and by the physical lengths of 2D boxes.

A picture that is stretched wrongly is worse than one that is left as stored. So what a file states must be plausible,
and what it states twice must agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset

from echosearch.reading.dicom.elements.values import numbers
from echosearch.reading.stretch import MOST_STRETCHED
from echosearch.video import TWO_D, Region

__all__ = ["pixel_aspect"]

AGREE = 0.02  # share by which two statements may differ: a ratio is stored as two small integers


def pixel_aspect(dataset: Dataset, boxes: Sequence[Region], notes: Sequence[str]) -> float | None:
    """Return a pixel's height by its width, from a header and what ``read_regions`` gave of it.

    None if nothing plausible is stated; 1 if two statements contradict each other.
    """
    stated = [*_ratio(numbers(dataset, "PixelAspectRatio"))]
    if not notes:
        for box in boxes:
            if box.spatial_format == TWO_D and box.mm_down is not None and box.mm_across is not None:
                stated += _ratio([box.mm_down, box.mm_across])
    if not stated:
        return None
    return stated[-1] if max(stated) <= (1 + AGREE) * min(stated) else 1.0


def _ratio(lengths: Sequence[float]) -> list[float]:
    """Return the ratio of height to width; nothing if it cannot be right."""
    if len(lengths) != 2 or min(lengths) <= 0:
        return []
    ratio = lengths[0] / lengths[1]
    return [ratio] if 1 / MOST_STRETCHED <= ratio <= MOST_STRETCHED else []
