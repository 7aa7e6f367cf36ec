"""How the picture of a cine is shown: stretched to square pixels, with its regions and its scale."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from echosearch.clip import PictureScale
from echosearch.reading.dicom.elements.aspect import pixel_aspect
from echosearch.reading.dicom.elements.regions import read_regions
from echosearch.reading.dicom.elements.scale import scale_of_regions
from echosearch.reading.stretch import AS_STORED, Stretch, stretch_of
from echosearch.video import Region

__all__ = ["STORED", "ShownPicture", "read_picture"]


@dataclass(frozen=True)
class ShownPicture:
    """``regions`` and ``scale`` are of the picture that is shown."""

    stretch: Stretch = AS_STORED
    regions: tuple[Region, ...] = ()
    scale: PictureScale | None = None


STORED = ShownPicture()


def read_picture(dataset: Dataset, rows: int, columns: int, stream_aspect: float | None) -> ShownPicture:
    """Return how a picture of ``rows`` x ``columns`` is shown.

    ``stream_aspect``: a pixel's height by its width as a video stream states it, for a header that does not.
    """
    boxes, notes = read_regions(dataset, rows, columns)
    aspect = pixel_aspect(dataset, boxes, notes)
    stretch = stretch_of(stream_aspect if aspect is None else aspect)
    regions = tuple(map(stretch.region, boxes))
    return ShownPicture(stretch, regions, scale_of_regions(regions, notes, *stretch.size(rows, columns)))
