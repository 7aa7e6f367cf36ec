"""The MP4 has every frame, in order, at its exact time; and the sample table leads to each of them."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from itertools import accumulate

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from echosearch.clip import Uint8
from echosearch.preview.encode import KEY_EVERY, encode_mp4, to_ticks
from echosearch.preview.values import TIMESCALE
from tests.preview.barcode import barcodes, number_in

FRAME_TIMES = [1 / 30, 1 / 29.97, 0.0333, 0.0127, 1 / 300, 0.2, 1001 / 60000]  # seconds


def decoded(data: bytes) -> list[tuple[int, int]]:
    """(number in the picture, time in ticks) of each frame, as a player decodes them."""
    with av.open(BytesIO(data), "r") as container:
        assert container.streams.video[0].time_base == Fraction(1, TIMESCALE)
        return [(number_in(as_rgb(frame)), frame.pts or 0) for frame in container.decode(video=0)]


def as_rgb(frame: av.VideoFrame) -> Uint8:
    picture = frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU709, src_color_range=ColorRange.MPEG)
    return np.asarray(picture.to_ndarray(), np.uint8)


@pytest.mark.parametrize("seconds", FRAME_TIMES)
def test_every_frame_is_there_once_in_order_at_its_time(seconds: float) -> None:
    ticks = to_ticks([i * seconds for i in range(41)])
    data, samples = encode_mp4(barcodes(40), ticks)
    assert decoded(data) == [(i, round(i * seconds * TIMESCALE)) for i in range(40)]
    assert [sample.ticks for sample in samples] == ticks[:-1]
    with av.open(BytesIO(data), "r") as container:
        assert container.streams.video[0].duration == ticks[-1]


def test_frames_of_unequal_length_keep_their_times() -> None:
    steps = [0.04, 0.02, 0.15, 0.031, 0.04] * 6
    ticks = to_ticks([*accumulate(steps, initial=0.0)])
    data, _ = encode_mp4(barcodes(30), ticks)
    assert decoded(data) == [(i, ticks[i]) for i in range(30)]


@pytest.mark.parametrize("frames", [2, 3, KEY_EVERY, KEY_EVERY + 1, 700])
def test_any_number_of_frames(frames: int) -> None:
    ticks = to_ticks([i / 50 for i in range(frames + 1)])
    data, samples = encode_mp4(barcodes(frames), ticks)
    assert decoded(data) == [(i, ticks[i]) for i in range(frames)]
    assert {i for i, sample in enumerate(samples) if sample.key} >= set(range(0, frames, KEY_EVERY))


def test_each_frame_decodes_from_the_sample_table_alone() -> None:
    """What a page does with WebCodecs: from the key frame before, without a demuxer."""
    ticks = to_ticks([i / 30 for i in range(51)])
    data, samples = encode_mp4(barcodes(50), ticks)
    for wanted in (0, 11, 12, 13, 37, 49):
        first = max(i for i, sample in enumerate(samples[: wanted + 1]) if sample.key)
        decoder = av.CodecContext.create("vp9", "r")
        shown = [
            picture
            for sample in samples[first : wanted + 1]
            for picture in decoder.decode(av.Packet(data[sample.offset : sample.offset + sample.size]))
        ]
        assert number_in(as_rgb(shown[-1])) == wanted


def test_equal_frames_are_not_dropped() -> None:
    still = next(barcodes(1))
    data, _ = encode_mp4([still] * 30, to_ticks([i / 30 for i in range(31)]))
    assert len(decoded(data)) == 30


def test_two_times_that_round_to_one_tick_stay_apart() -> None:
    assert to_ticks([0.0, 1e-6, 2e-6, 1.0]) == [0, 1, 2, TIMESCALE]


def test_colours_are_tagged_and_right() -> None:
    colours = np.array([(200, 30, 30), (30, 60, 200), (128, 128, 128), (235, 235, 235), (0, 0, 0)], np.uint8)
    frame = np.ascontiguousarray(np.repeat(np.repeat(colours[None], 40, axis=1), 64, axis=0))
    data, _ = encode_mp4([frame] * 3, to_ticks([0, 0.03, 0.06, 0.09]))
    with av.open(BytesIO(data), "r") as container:
        context = container.streams.video[0].codec_context
        assert (context.pix_fmt, context.colorspace, context.color_primaries, context.color_trc) == ("yuv420p", 1, 1, 1)
        assert context.color_range == ColorRange.MPEG
        shown = as_rgb(next(container.decode(video=0)))
    for number, colour in enumerate(colours):
        assert np.abs(shown[32, number * 40 + 20].astype(int) - colour).max() <= 6


def test_the_index_is_before_the_data_and_names_nothing() -> None:
    data, samples = encode_mp4(barcodes(20), to_ticks([i / 30 for i in range(21)]))
    assert data[4:8] == b"ftyp"
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    assert samples[0].offset > data.find(b"mdat")
    assert b"Lavf" not in data
    with av.open(BytesIO(data), "r") as container:
        assert container.metadata.keys() <= {"major_brand", "minor_version", "compatible_brands"}


def test_too_few_frames_are_an_error() -> None:
    with pytest.raises(ValueError, match="9 of 10 frames"):
        encode_mp4(barcodes(9), to_ticks([i / 30 for i in range(11)]))
