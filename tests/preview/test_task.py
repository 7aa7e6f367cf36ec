"""A worker's task: a file in, its masked MP4 and poster out, at the times that the file states."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pydicom
import pytest
import simplejpeg
from av.video.reformatter import ColorRange, Colorspace

from echosearch.clip import Uint8
from echosearch.preview.task import PreviewTask, make_preview
from echosearch.preview.values import SIZES, TIMESCALE, MadePreview, NoPreview, PreviewSize, Refusal
from echosearch.reading.dicom import open_cine
from tests.preview.conftest import FRAMES


def made(path: Path, size: PreviewSize = "card") -> MadePreview | NoPreview:
    info = path.stat()
    return make_preview(PreviewTask(path, info.st_size, info.st_mtime_ns, size))


def preview(path: Path, size: PreviewSize = "card") -> MadePreview:
    found = made(path, size)
    assert isinstance(found, MadePreview), found
    return found


def changed(path: Path, **tags: Any) -> Path:
    """Set these attributes of the file, or delete those that are None."""
    dataset = pydicom.dcmread(path)
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def pictures(mp4: bytes) -> list[Uint8]:
    with av.open(BytesIO(mp4), "r") as container:
        rgb = {"src_colorspace": Colorspace.ITU709, "src_color_range": ColorRange.MPEG}
        shown = (frame.reformat(format="rgb24", **rgb) for frame in container.decode(video=0))
        return [np.asarray(picture.to_ndarray(), np.uint8) for picture in shown]


def test_the_frames_are_those_of_the_file_in_its_order(cine: Path) -> None:
    found = preview(cine)
    shown = np.stack(pictures(found.mp4)).astype(float)
    source = open_cine(cine)
    frames = np.stack([frame.copy() for frame in source.frames(range(source.n_frames))]).astype(float)
    # where the crop came from: the place at which the first frame fits best
    height, width = found.height, found.width
    places = [(y, x) for y in range(frames.shape[1] - height + 1) for x in range(frames.shape[2] - width + 1)]
    lit = shown.max(axis=(0, 3)) > 30
    y, x = min(
        places, key=lambda at: np.abs(frames[0, at[0] : at[0] + height, at[1] : at[1] + width] - shown[0])[lit].mean()
    )
    stored = frames[:, y : y + height, x : x + width]
    nearest = [int(np.argmin([np.abs(one - picture)[lit].mean() for one in stored])) for picture in shown]
    assert nearest == list(range(FRAMES))


@pytest.mark.parametrize("size", SIZES)
def test_a_preview_fits_its_size_and_has_even_sides(size: PreviewSize, cine: Path) -> None:
    found = preview(cine, size)
    columns, rows = SIZES[size]
    assert 2 <= found.width <= columns
    assert 2 <= found.height <= rows
    assert found.width % 2 == found.height % 2 == 0
    poster = simplejpeg.decode_jpeg(found.poster)
    assert poster.shape == pictures(found.mp4)[0].shape == (found.height, found.width, 3)


def test_the_poster_is_one_of_the_masked_frames(cine: Path) -> None:
    found = preview(cine)
    poster = simplejpeg.decode_jpeg(found.poster).astype(int)
    assert min(np.abs(poster - picture).mean() for picture in pictures(found.mp4)) < 4
    assert poster.mean() > 10


def test_frame_time_is_exact(cine: Path) -> None:
    found = preview(changed(cine, FrameTime=33.37, CineRate=25))
    assert [sample.ticks for sample in found.samples] == [round(i * 0.03337 * TIMESCALE) for i in range(FRAMES)]
    assert found.end == round(FRAMES * 0.03337 * TIMESCALE)
    assert found.time_known


def test_each_step_of_a_frame_time_vector_counts(cine: Path) -> None:
    steps = [0, *(20 + 7 * (i % 3) for i in range(FRAMES - 1))]  # ms
    found = preview(changed(cine, FrameTime=None, FrameTimeVector=steps, FrameIncrementPointer=0x00181065))
    assert [sample.ticks for sample in found.samples] == [90 * sum(steps[: i + 1]) for i in range(FRAMES)]
    assert found.end == 90 * (sum(steps) + 27)  # the last frame is shown as long as the median
    assert found.time_known


@pytest.mark.parametrize("steps", [[0, 20, 30], [0, *[-20] * (FRAMES - 1)], [0, 1e9, *[20] * (FRAMES - 2)]])
def test_an_implausible_vector_gives_one_time_or_none(steps: list[float], cine: Path) -> None:
    timing = {"FrameTime": None, "CineRate": None, "RecommendedDisplayFrameRate": None}
    found = preview(changed(cine, **timing, FrameTimeVector=steps, FrameIncrementPointer=0x00181065))
    between = {b.ticks - a.ticks for a, b in zip(found.samples, found.samples[1:], strict=False)}
    assert max(between) - min(between) <= 1


def test_without_a_time_it_is_30_a_second_and_says_so(cine: Path) -> None:
    timing = {"FrameTime": None, "CineRate": None, "RecommendedDisplayFrameRate": None, "FrameIncrementPointer": None}
    found = preview(changed(cine, **timing))
    assert not found.time_known
    assert [sample.ticks for sample in found.samples] == [3000 * i for i in range(FRAMES)]


def test_a_file_without_regions_is_refused(cine: Path) -> None:
    assert made(changed(cine, SequenceOfUltrasoundRegions=None)) == NoPreview(
        Refusal.NO_BOX, "the file declares no box of a 2D picture"
    )


def test_an_mp4_declares_no_box(tmp_path: Path, cine: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(_as_mjpeg(preview(cine).mp4))
    refused = made(film)
    assert isinstance(refused, NoPreview)
    assert refused.reason == Refusal.NO_BOX


def _as_mjpeg(mp4: bytes) -> bytes:
    """The same film in a codec that is read: MJPEG."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        shown = pictures(mp4)
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt = "yuvj420p"
        for picture in shown:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"CANARY" * 100, b"\0" * 128 + b"DICM" + b"CANARY" * 100])
def test_what_is_no_cine_is_a_value_and_names_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "CANARY"
    path.write_bytes(content)
    refused = made(path)
    assert isinstance(refused, NoPreview)
    assert refused.reason == Refusal.UNREADABLE
    assert "CANARY" not in repr(refused)


def test_a_file_that_changed_is_not_shown(cine: Path) -> None:
    info = cine.stat()
    refused = make_preview(PreviewTask(cine, info.st_size + 1, info.st_mtime_ns, "card"))
    assert isinstance(refused, NoPreview)
    assert refused.reason == Refusal.MISSING
    assert "cine" not in repr(PreviewTask(cine, 1, 1, "card")).replace("PreviewTask", "")
