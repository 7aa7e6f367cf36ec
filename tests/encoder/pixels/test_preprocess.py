"""The clip that an encoder sees: frames chosen, resized as Pillow does, cropped, padded, guarded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file

from echosearch.clip import ClipSpec, PictureScale
from echosearch.encoder.pixels.preprocess import make_clip
from echosearch.errors import FileRefused
from echosearch.outcome import Reason
from echosearch.reading.source import open_source

Pixels = NDArray[np.uint8]


class ArraySource:
    """A FrameSource over an array that reuses one buffer, as the protocol allows, and notes what was asked."""

    frame_seconds: float | None = 0.02
    predicted = False
    scale: PictureScale | None = None

    def __init__(self, pixels: Pixels, delivered: int | None = None) -> None:
        self.pixels = pixels
        self.n_frames = len(pixels)
        self.asked: list[int] = []
        self.delivered = self.n_frames if delivered is None else delivered

    def frames(self, indices: Sequence[int]) -> Iterator[Pixels]:
        buffer = np.empty_like(self.pixels[0])
        for index in indices:
            if index >= self.delivered:
                return
            self.asked.append(index)
            buffer[:] = self.pixels[index]
            yield buffer


def noise(count: int, rows: int, columns: int) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (count, rows, columns, 3), np.uint8)


def pillow(frame: Pixels, size: int) -> Pixels:
    """The oracle: shorter side to size, the longer truncated, Pillow's bilinear, centre crop."""
    rows, columns = frame.shape[:2]
    short = min(rows, columns)
    height, width = int(size * rows / short), int(size * columns / short)
    image = np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))
    top, left = (height - size) // 2, (width - size) // 2
    return image[top : top + size, left : left + size]


@pytest.mark.parametrize(
    ("rows", "columns"), [(600, 800), (240, 320), (480, 640), (600, 601), (601, 600), (220, 300), (100, 100), (50, 300)]
)
def test_resize_is_pillows_within_two_levels(rows: int, columns: int) -> None:
    """800 x 600 becomes 298 x 224: truncated, as the transformers processor does; up-scaling too."""
    source = ArraySource(noise(3, rows, columns))
    clip = make_clip("k", source, ClipSpec(frames=3, stride=1, size=224))
    for mine, frame in zip(clip.pixels, source.pixels, strict=True):
        difference = np.abs(mine.astype(int) - pillow(frame, 224))
        assert difference.max() <= 2
        assert difference.mean() < 0.1


def test_the_longer_side_is_truncated_not_rounded() -> None:
    """298, not 299: the two would be misregistered by up to half a pixel at the edge of the crop."""
    frame = noise(1, 600, 800)
    clip = make_clip("k", ArraySource(frame), ClipSpec(frames=1, size=224))
    wrong = np.asarray(Image.fromarray(frame[0]).resize((299, 224), Image.Resampling.BILINEAR))[:, 37:261]
    assert np.abs(clip.pixels[0].astype(int) - wrong).max() > 10


def test_only_the_frames_of_the_clip_are_asked_for() -> None:
    source = ArraySource(noise(90, 8, 8))
    clip = make_clip("k", source, ClipSpec(frames=4, stride=3, size=8))
    assert source.asked == [0, 3, 6, 9]
    assert (clip.pixels == source.pixels[[0, 3, 6, 9]]).all()
    assert clip.n_valid == 4


def test_seconds_follow_the_clock() -> None:
    source = ArraySource(noise(90, 8, 8))
    make_clip("k", source, ClipSpec(frames=3, stride=1, seconds=0.1, size=8))
    assert source.asked == [0, 5, 10]


@pytest.mark.parametrize(("padding", "expected"), [("repeat_last", [0, 2, 2, 2]), ("zeros", [0, 2, None, None])])
def test_padding(padding: str, expected: list[int | None]) -> None:
    source = ArraySource(noise(3, 8, 8))
    clip = make_clip("k", source, ClipSpec(frames=4, stride=2, size=8, padding=padding))  # type: ignore[arg-type]
    assert clip.n_valid == 2
    for mine, index in zip(clip.pixels, expected, strict=True):
        assert (mine == (0 if index is None else source.pixels[index])).all()


@pytest.mark.parametrize("green_from", [0, 2])
def test_green_frames_are_refused(green_from: int) -> None:
    pixels = noise(8, 16, 16) // 4
    pixels[green_from:, ..., 1] = 180
    with pytest.raises(FileRefused) as refused:
        make_clip("k", ArraySource(pixels), ClipSpec(frames=8, stride=1, size=16))
    assert refused.value.outcome.reason == Reason.GREEN_FRAMES


def test_a_source_that_stops_early_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        make_clip("k", ArraySource(noise(8, 16, 16), delivered=5), ClipSpec(frames=8, stride=1, size=16))
    assert refused.value.outcome.reason == Reason.DECODE_FAILED
    assert "5 of 8" in refused.value.outcome.detail


def test_a_real_cine() -> None:
    path = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
    spec = ClipSpec(frames=16, stride=2, size=112)
    clip = make_clip("k", open_source(path), spec)
    assert clip.pixels.shape == (16, 112, 112, 3)
    assert clip.n_valid == 15
    assert (clip.pixels[15] == clip.pixels[14]).all()
    again = make_clip("k", open_source(path), spec)
    assert (again.pixels == clip.pixels).all()
    frames = [frame.copy() for frame in open_source(path).frames([0, 8])]
    assert np.abs(clip.pixels[0].astype(int) - pillow(frames[0], 112)).max() <= 2
    assert np.abs(clip.pixels[4].astype(int) - pillow(frames[1], 112)).max() <= 2


def discs(mm_per_pixel: float, scale: PictureScale | None) -> ArraySource:
    """A picture of 400 x 500 pixels with a disc of 40 mm, its middle 80 mm below the probe at (250, 30)."""
    rows, columns = np.mgrid[:400, :500]
    inside = np.hypot((rows - 30) * mm_per_pixel - 80, (columns - 250) * mm_per_pixel) <= 20
    source = ArraySource(np.where(inside, 200, 20).astype(np.uint8)[None, ..., None].repeat(3, axis=3))
    source.scale = scale
    return source


@pytest.mark.parametrize("mm_per_pixel", [0.35, 0.5, 0.8])
def test_a_field_in_millimetres_shows_a_size_as_a_size(mm_per_pixel: float) -> None:
    spec = ClipSpec(frames=1, size=100, field_mm=200.0)  # 2 mm a pixel
    clip = make_clip("k", discs(mm_per_pixel, PictureScale(mm_per_pixel, 250.0, 30.0, (400, 500))), spec).pixels[
        0, ..., 0
    ]
    rows, columns = np.nonzero(clip > 110)
    assert abs(rows.mean() - 40) < 1
    assert abs(columns.mean() - 50) < 1
    assert abs(len(rows) - np.pi * 10**2) < 12


def test_a_field_is_black_where_the_picture_ends() -> None:
    spec = ClipSpec(frames=1, size=100, field_mm=200.0)
    clip = make_clip("k", discs(0.35, PictureScale(0.35, 250.0, 30.0, (400, 500))), spec).pixels[0, ..., 0]
    assert (clip[:64, 8:92] >= 20).all()  # 370 rows of 0.35 mm: 129.5 mm
    assert not clip[66:].any()
    assert not clip[:, :5].any()
    assert not clip[:, 95:].any()


def test_without_a_scale_a_field_is_the_whole_picture() -> None:
    source = discs(0.5, None)
    there = make_clip("k", source, ClipSpec(frames=1, size=100, field_mm=200.0))
    assert np.array_equal(there.pixels, make_clip("k", source, ClipSpec(frames=1, size=100)).pixels)


def test_frames_of_another_size_than_the_scale_is_for_are_the_whole_picture() -> None:
    source = discs(0.5, PictureScale(0.5, 250.0, 30.0, (800, 1000)))  # a stream of half its file's size
    there = make_clip("k", source, ClipSpec(frames=1, size=100, field_mm=200.0))
    assert np.array_equal(there.pixels, make_clip("k", source, ClipSpec(frames=1, size=100)).pixels)


def test_without_a_field_a_scale_changes_nothing() -> None:
    spec = ClipSpec(frames=1, size=100)
    scaled = make_clip("k", discs(0.5, PictureScale(0.5, 250.0, 30.0, (400, 500))), spec)
    assert np.array_equal(scaled.pixels, make_clip("k", discs(0.5, None), spec).pixels)


@pytest.mark.parametrize(("field_mm", "resize"), [(10.0, "shortest_edge"), (900.0, "shortest_edge"), (150.0, "square")])
def test_a_field_that_makes_no_sense_is_refused(field_mm: float, resize: str) -> None:
    with pytest.raises(ValueError, match="field_mm"):
        ClipSpec(field_mm=field_mm, resize=resize, kernel="bilinear")  # type: ignore[arg-type]
