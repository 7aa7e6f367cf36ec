"""The scale of a cine's picture: from its one calibrated box of tissue, or none at all."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from echosearch.clip import PictureScale
from echosearch.reading.dicom.elements.regions import read_regions
from echosearch.reading.dicom.elements.scale import scale_of_regions

ROWS, COLUMNS = 480, 640


def box(**changed: Any) -> Dataset:
    """A box of tissue from (40, 20) to (599, 459), 0.4 mm a pixel, its probe at (320, 24)."""
    values: dict[str, Any] = {
        "RegionSpatialFormat": 1,
        "RegionDataType": 1,
        "RegionFlags": 2,
        "RegionLocationMinX0": 40,
        "RegionLocationMinY0": 20,
        "RegionLocationMaxX1": 599,
        "RegionLocationMaxY1": 459,
        "ReferencePixelX0": 280,
        "ReferencePixelY0": 4,
        "ReferencePixelPhysicalValueX": 0.0,
        "ReferencePixelPhysicalValueY": 0.0,
        "PhysicalUnitsXDirection": 3,
        "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.04,
        "PhysicalDeltaY": 0.04,
    }
    made = Dataset()
    for keyword, value in (values | changed).items():
        if value is not None:
            setattr(made, keyword, value)
    return made


def scale_of(*boxes: Dataset) -> PictureScale | None:
    dataset = Dataset()
    dataset.SequenceOfUltrasoundRegions = list(boxes)
    return scale_of_regions(*read_regions(dataset, ROWS, COLUMNS), ROWS, COLUMNS)


def test_the_scale_and_the_probe() -> None:
    assert scale_of(box()) == PictureScale(0.4, 320.0, 24.0, (ROWS, COLUMNS))
    colour = box(RegionDataType=2, RegionLocationMinX0=200, RegionLocationMaxX1=400)
    assert scale_of(colour, box()) == scale_of(box())  # whose picture it lies in


@pytest.mark.parametrize(
    "changed",
    [
        {"ReferencePixelX0": None},
        {"ReferencePixelY0": None},
        {"ReferencePixelPhysicalValueX": None},
        {"ReferencePixelPhysicalValueY": 8.0},  # the middle of the picture
        {"ReferencePixelX0": -41},  # left of the box
        {"ReferencePixelX0": 560},
        {"ReferencePixelY0": 230},  # in the lower half
        {"ReferencePixelY0": -260},  # 104 mm above it
    ],
)
def test_without_a_probe_that_can_be_right_the_picture_begins_at_its_upper_edge(changed: dict[str, Any]) -> None:
    assert scale_of(box(**changed)) == PictureScale(0.4, 319.5, 20.0, (ROWS, COLUMNS))


def test_the_probe_of_a_zoomed_picture_is_above_it() -> None:
    assert scale_of(box(ReferencePixelY0=-150)) == PictureScale(0.4, 320.0, -130.0, (ROWS, COLUMNS))


@pytest.mark.parametrize(
    "boxes",
    [
        (),
        (box(RegionDataType=2),),  # colour alone: its box is a part of the picture
        (box(RegionSpatialFormat=3, RegionDataType=3),),
        (box(RegionLocationMaxX1=300), box(RegionLocationMinX0=310)),  # two pictures side by side
        (box(RegionLocationMaxX1=300), box(RegionDataType=2, RegionLocationMinX0=310)),  # colour beside it
        (box(RegionLocationMaxX1=300), box(RegionLocationMinX0=310, RegionLocationMaxX1=760)),  # beyond the frame
        (box(), box(RegionLocationMaxX1=None)),
        (box(PhysicalDeltaX=[0.04, 0.05]),),
        (box(PhysicalUnitsYDirection=4),),  # seconds
        (box(PhysicalDeltaX=0.03),),
        (box(PhysicalDeltaX=None),),
        (box(PhysicalDeltaX=0.0, PhysicalDeltaY=0.0),),
        (box(PhysicalDeltaX=0.004, PhysicalDeltaY=0.004),),  # 17 mm deep
        (box(PhysicalDeltaX=0.1, PhysicalDeltaY=0.1),),  # 440 mm deep
        (box(PhysicalDeltaX=0.5, PhysicalDeltaY=0.5, RegionLocationMaxY1=60),),  # 5 mm a pixel
        (box(PhysicalDeltaX=float("inf"), PhysicalDeltaY=float("inf")),),
        (box(RegionLocationMaxX1=1000, RegionLocationMaxY1=700),),  # of a larger original
    ],
)
def test_what_can_be_doubted_is_no_scale(boxes: tuple[Dataset, ...]) -> None:
    assert scale_of(*boxes) is None


def test_a_negative_length_is_a_direction() -> None:
    assert scale_of(box(PhysicalDeltaY=-0.04)) == scale_of(box())


def test_a_pixel_of_a_large_picture_may_not_be_shorter_than_an_echo_tells() -> None:
    dataset = Dataset()
    tall = {"RegionLocationMaxX1": 7999, "RegionLocationMaxY1": 7999, "ReferencePixelX0": 4000}
    for delta, scale in ((0.003, None), (0.005, PictureScale(0.05, 4040.0, 24.0, (8000, 8000)))):  # 24 and 40 cm deep
        dataset.SequenceOfUltrasoundRegions = [box(**tall, PhysicalDeltaX=delta, PhysicalDeltaY=delta)]
        assert scale_of_regions(*read_regions(dataset, 8000, 8000), 8000, 8000) == scale
