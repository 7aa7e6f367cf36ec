"""What a preview may show: the moving fan in its boxes. Without a box, or without motion, nothing."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from echosearch.clip import Uint8
from echosearch.preview.mask import fan_mask
from echosearch.preview.values import NoPreview, Refusal
from echosearch.video import Region

ROWS, COLUMNS = 240, 320
BOX = Region(spatial_format=1, data_type=1, x0=20, y0=10, x1=300, y1=220)
ECG = Region(spatial_format=4, data_type=0xA, x0=20, y0=200, x1=300, y1=235)


def fan(draw: Callable[[Uint8, int], None] = lambda frame, number: None, frames: int = 20) -> list[Uint8]:
    """Speckle that moves in a fan, on black; ``draw`` adds to each frame."""
    rng = np.random.default_rng(5)
    outline = np.array([(160, 12), (40, 190), (160, 215), (280, 190)], np.int32)
    inside = cv2.fillConvexPoly(np.zeros((ROWS, COLUMNS), np.uint8), outline, 255)
    made = []
    for number in range(frames):
        grey = cv2.GaussianBlur(rng.integers(0, 200, (ROWS, COLUMNS), dtype=np.uint8), (5, 5), 0)
        frame = np.asarray(cv2.cvtColor(cv2.bitwise_and(grey, inside), cv2.COLOR_GRAY2RGB), np.uint8)
        draw(frame, number)
        made.append(frame)
    return made


def text(at: tuple[int, int], words: str = "TANAKA TARO") -> Callable[[Uint8, int], None]:
    return lambda frame, number: _put(frame, at, words)


def _put(frame: Uint8, at: tuple[int, int], words: str, level: int = 230) -> None:
    cv2.putText(frame, words, at, cv2.FONT_HERSHEY_PLAIN, 0.7, (level, level, level), 1, cv2.LINE_AA)


def letters(at: tuple[int, int], words: str = "TANAKA TARO") -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    drawn = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    _put(drawn, at, words)
    return drawn[..., 0] > 0


def found(frames: list[Uint8], *regions: Region) -> Uint8:
    mask = fan_mask(frames, regions or (BOX,))
    assert not isinstance(mask, NoPreview)
    return mask


def test_the_fan_is_kept_and_its_surroundings_are_not() -> None:
    mask = found(fan())
    inside = np.max(fan(), axis=(0, 3)) > 0
    assert ((mask > 0) & inside).sum() > 0.95 * inside.sum()
    assert ((mask > 0) & ~inside).sum() < 0.03 * inside.sum()


@pytest.mark.parametrize("at", [(25, 25), (210, 25), (22, 218), (30, 8), (2, 236)])  # corners of the box; outside
def test_lettering_around_the_fan_is_gone(at: tuple[int, int]) -> None:
    mask = found(fan(text(at)))
    assert not (mask[letters(at)] > 0).any()


@pytest.mark.parametrize("level", [120, 160, 230])  # one as dark as the tissue is not found
def test_lettering_on_the_fan_is_gone_and_its_shape_too(level: int) -> None:
    at = (110, 120)
    mask = found(fan(lambda frame, number: _put(frame, at, "TANAKA TARO", level)))
    covered = letters(at)
    assert not (mask[covered] > 0).any()
    rows, columns = np.nonzero(covered)
    box = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert (box == 0).mean() > 0.9  # a bar, not black letters


def test_a_clock_that_runs_beside_the_fan_is_gone() -> None:
    mask = found(fan(lambda frame, number: _put(frame, (230, 25), f"10:15:{number:02d}")))
    assert not mask[10:30, 225:300].any()


def test_the_sweep_of_an_ecg_does_not_widen_the_fan() -> None:
    def sweep(frame: Uint8, number: int) -> None:
        cv2.line(frame, (30 + 13 * number, 200), (30 + 13 * number, 219), (235, 235, 235), 1)

    swept, plain = found(fan(sweep)), found(fan())
    assert ((swept > 0) & (plain == 0)).mean() < 0.005


def test_a_declared_ecg_strip_is_kept_a_box_elsewhere_that_claims_to_be_one_is_not() -> None:
    mask = found(fan(), BOX, ECG)
    assert mask[ECG.y0 : ECG.y1, ECG.x0 : ECG.x1].all()
    top = Region(spatial_format=4, data_type=0xA, x0=0, y0=0, x1=320, y1=40)
    assert not found(fan(), BOX, top)[:8].any()


def test_two_boxes_side_by_side_each_have_their_fan() -> None:
    both = [np.ascontiguousarray(np.hstack((frame, frame))) for frame in fan()]
    right = Region(spatial_format=1, data_type=1, x0=340, y0=10, x1=620, y1=220)
    mask = found(both, BOX, right)
    assert (mask[:, :320] > 0).mean() == pytest.approx((mask[:, 320:] > 0).mean(), rel=0.05)
    assert not found(both, BOX)[:, 320:].any()


@pytest.mark.parametrize(
    "regions",
    [
        (),
        (ECG,),
        (Region(spatial_format=3, data_type=3, x0=20, y0=10, x1=300, y1=220),),
        (Region(spatial_format=0, data_type=1, x0=20, y0=10, x1=300, y1=220),),
    ],
)
def test_without_a_2d_box_nothing_is_shown_and_nothing_decoded(regions: tuple[Region, ...]) -> None:
    def frames() -> list[Uint8]:
        raise AssertionError("decoded")

    refused = fan_mask((frame for _ in [0] for frame in frames()), regions)
    assert isinstance(refused, NoPreview)
    assert refused.reason == Refusal.NO_BOX


@pytest.mark.parametrize(
    "frames",
    [
        [fan()[0]] * 10,  # a still
        [np.zeros((ROWS, COLUMNS, 3), np.uint8)] * 10,
        fan(frames=1),
        [np.full((ROWS, COLUMNS, 3), 40 * (i % 2), np.uint8) if i == 5 else np.zeros((ROWS, COLUMNS, 3), np.uint8)
         for i in range(30)],  # one flash
    ],
)  # fmt: skip
def test_without_motion_nothing_is_shown(frames: list[Uint8]) -> None:
    refused = fan_mask(frames, (BOX,))
    assert isinstance(refused, NoPreview)
    assert refused.reason == Refusal.NO_MOTION
