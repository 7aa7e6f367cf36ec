"""Whether a header says that pixels are not square: by its ratio, by the lengths of its boxes, or not surely."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from echosearch.clip import PictureScale
from echosearch.reading.dicom.elements.aspect import pixel_aspect
from echosearch.reading.dicom.elements.picture import read_picture
from echosearch.reading.dicom.elements.regions import read_regions
from echosearch.reading.stretch import AS_STORED, Stretch
from tests.reading.dicom.test_scale import COLUMNS, ROWS, box


def header(*boxes: Dataset, ratio: Any = None) -> Dataset:
    dataset = Dataset()
    if ratio is not None:
        dataset.PixelAspectRatio = ratio
    if boxes:
        dataset.SequenceOfUltrasoundRegions = list(boxes)
    return dataset


TALL = {"PhysicalDeltaX": 0.04, "PhysicalDeltaY": 0.05}


@pytest.mark.parametrize(
    ("dataset", "aspect"),
    [
        (header(), None),
        (header(ratio=["16", "15"]), 16 / 15),  # PAL on 720 x 576
        (header(ratio=["1", "1"]), 1.0),
        (header(ratio="4"), None),
        (header(ratio=["0", "0"]), None),
        (header(ratio=["-4", "3"]), None),
        (header(ratio=["4", "1"]), None),  # beyond what any video has
        (header(box()), 1.0),
        (header(box(**TALL)), 1.25),
        (header(box(PhysicalDeltaX=0.05, PhysicalDeltaY=-0.04)), 0.8),
        (header(box(**TALL), box(**TALL)), 1.25),
        (header(box(**TALL), box()), 1.0),  # two boxes contradict each other
        (header(box(**TALL), box(RegionSpatialFormat=3, RegionDataType=3)), 1.25),  # a spectrum is no picture
        (header(box(**TALL, PhysicalUnitsXDirection=4)), None),  # seconds
        (header(box(**TALL), box(RegionLocationMaxX1=None)), None),  # boxes in doubt
        (header(box(**TALL), ratio=["5", "4"]), 1.25),
        (header(box(**TALL), ratio=["1", "1"]), 1.0),  # header and box contradict each other
        (header(box(), ratio=["5", "4"]), 1.0),
        (header(box(PhysicalDeltaX=0.4, PhysicalDeltaY=0.04)), None),
    ],
)
def test_what_a_header_says_of_its_pixels(dataset: Dataset, aspect: float | None) -> None:
    assert pixel_aspect(dataset, *read_regions(dataset, ROWS, COLUMNS)) == (
        None if aspect is None else pytest.approx(aspect)
    )


def test_a_stretched_picture_has_its_boxes_and_its_scale_where_they_are_shown() -> None:
    shown = read_picture(header(box(**TALL)), ROWS, COLUMNS, None)
    assert shown.stretch == Stretch(down=1.25)
    (region,) = shown.regions
    assert (region.x0, region.x1, region.y0, region.y1) == (40, 600, 25, 575)
    assert region.mm_per_pixel == pytest.approx(0.4)
    assert shown.scale == PictureScale(0.4, 320.0, 30.0, (600, 640))


def test_square_pixels_are_as_stored_and_a_stream_is_asked_only_if_the_header_is_silent() -> None:
    assert read_picture(header(box()), ROWS, COLUMNS, 1.5).stretch == AS_STORED
    assert read_picture(header(box(PhysicalDeltaX=0.0404)), ROWS, COLUMNS, None).stretch == AS_STORED  # 1 %
    assert read_picture(header(), ROWS, COLUMNS, 1.5).stretch == Stretch(down=1.5)
    assert read_picture(header(), ROWS, COLUMNS, None).stretch == AS_STORED
