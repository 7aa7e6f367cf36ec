"""Slices of H.264 and HEVC: all kinds of sound streams pass, and a damaged one is not taken with another picture."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.av_stream import FORMATS, STREAM_CODECS
from echosearch.reading.pictures import count_pictures, open_container, pick_frames
from echosearch.reading.slices.check import check_slices
from echosearch.reading.slices.h264 import SEQUENCE, _one_row_more
from echosearch.reading.slices.nal_units import join_units, split_units, to_payload, to_unit

Frames = NDArray[np.uint8]
COUNT = 10


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Moving speckle in a sector, black around it, (10, 104, 136, 3): no side is a multiple of 16."""
    rows, columns = np.mgrid[:104, :136]
    sector = (np.hypot(rows - 4, columns - 68) < 96) & (np.abs(np.arctan2(columns - 68, rows - 4)) < 0.7)
    speckle = np.random.default_rng(1).rayleigh(60, (144, 176))
    out = np.zeros((COUNT, 104, 136, 3), np.uint8)
    for i in range(COUNT):
        part = speckle[20 + i : 124 + i, 10 + i : 146 + i]
        out[i] = (part.clip(0, 255) * sector)[..., None]
    return out


def encode(frames: Frames, codec: str, container: str = "mp4", pix_fmt: str = "yuv420p", **options: str) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pix_fmt
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def x264(frames: Frames, params: str = "", container: str = "mp4", pix_fmt: str = "yuv420p") -> bytes:
    return encode(frames, "libx264", container, pix_fmt, **({"x264-params": params} if params else {}))


def x265(frames: Frames, params: str = "", container: str = "mp4", pix_fmt: str = "yuv420p") -> bytes:
    return encode(frames, "libx265", container, pix_fmt, **{"x265-params": f"log-level=none:{params}".rstrip(":")})


def read(data: bytes) -> NDArray[np.int16]:
    """What the header stage and the clip stage do with a video."""
    with open_container(data, FORMATS, STREAM_CODECS) as container:
        count = count_pictures(container)
    check_slices(data, FORMATS, STREAM_CODECS)
    with open_container(data, FORMATS, STREAM_CODECS) as container:
        return np.stack([frame.copy() for frame in pick_frames(container, range(count))]).astype(np.int16)


@pytest.mark.parametrize("container", ["mp4", "mpegts", "h264", "mov"])
@pytest.mark.parametrize("params", ["", "cabac=0", "slices=3"])
def test_sound_h264_in_every_container(frames: Frames, container: str, params: str) -> None:
    assert len(read(x264(frames, params, container))) == COUNT


@pytest.mark.parametrize(
    "params",
    [
        "interlaced=1", "bframes=0", "intra-refresh=1:bframes=0:keyint=6", "keyint=4:open-gop=1", "crf=0", "crf=45",
        "cqm=jvt", "8x8dct=0", "ref=5:bframes=8", "nal-hrd=cbr:bitrate=300:vbv-maxrate=300:vbv-bufsize=300",
    ],
)  # fmt: skip
def test_sound_h264_of_every_kind(frames: Frames, params: str) -> None:
    assert len(read(x264(frames, params))) == COUNT


@pytest.mark.parametrize(
    ("params", "container", "pix_fmt"),
    [
        ("", "mp4", "yuv420p"), ("", "mpegts", "yuv420p"), ("", "hevc", "yuv420p"), ("", "mp4", "yuv420p10le"),
        ("", "mp4", "yuv444p"), ("", "mp4", "gray"), ("", "mp4", "yuvj420p"), ("no-wpp=1", "mp4", "yuv420p"),
        ("ctu=16", "mp4", "yuv420p"), ("lossless=1", "mp4", "yuv420p"), ("crf=45", "mp4", "yuv420p"),
        ("keyint=4:open-gop=1", "mp4", "yuv420p"), ("no-sao=1:no-deblock=1", "mp4", "yuv420p"),
        ("strict-cbr=1:bitrate=400:vbv-bufsize=400:vbv-maxrate=400:hrd=1", "mp4", "yuv420p"),
    ],
)  # fmt: skip
def test_sound_hevc_of_every_kind(frames: Frames, params: str, container: str, pix_fmt: str) -> None:
    assert len(read(x265(frames, params, container, pix_fmt))) == COUNT


@pytest.mark.parametrize("codec", [x264, x265])
@pytest.mark.parametrize("grey", [0, 16, 128, 255])
def test_sound_pictures_without_anything_in_them(codec: Callable[[Frames], bytes], grey: int) -> None:
    assert len(read(codec(np.full((COUNT, 104, 136, 3), grey, np.uint8)))) == COUNT


@pytest.mark.parametrize(("codec", "most_wrong"), [(x264, 0), (x265, 2)])
def test_one_flipped_bit_is_not_another_picture(
    frames: Frames, codec: Callable[[Frames], bytes], most_wrong: int
) -> None:
    """FFmpeg takes 1 in 10 of them with H.264, and 4 in 10 with HEVC, that differ by 4 grey levels or more."""
    whole = codec(frames)
    good = read(whole)
    with av.open(BytesIO(whole), "r") as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.pos is not None]
    places = [at for start, size in packets[1:] for at in range(start + 16, start + size)]
    chance, refused, wrong = random.Random(3), 0, 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[chance.choice(places)] ^= 1 << chance.randrange(8)
        try:
            wrong += bool(np.abs(read(bytes(damaged)) - good).mean(axis=(1, 2, 3)).max() >= 4)
        except FileRefused:
            refused += 1
    assert refused > 50
    assert wrong <= most_wrong


@pytest.mark.parametrize(("codec", "kind"), [("h264", x264), ("hevc", x265)])
def test_an_end_that_was_cut_off_or_lengthened(frames: Frames, codec: str, kind: Callable[..., bytes]) -> None:
    """Zero words behind a slice are permitted (H.264 and H.265, 7.4.2.10 and 7.4.3.10); a shorter slice is damaged."""
    data = kind(frames, container=codec)
    with open_container(data, FORMATS, STREAM_CODECS) as container:
        packets = [split_units(bytes(packet)) for packet in container.demux(video=0) if packet.size]
    slices = [units[-1] for units in packets]
    assert all(len(unit) > 40 for unit in slices)
    padded = join_units([unit + b"\0\0\3" * 5 * (unit in slices) for units in packets for unit in units])
    assert len(read(padded)) == COUNT
    packets[4][-1] = packets[4][-1][:-12]
    with pytest.raises(FileRefused) as refused:
        read(join_units([unit for units in packets for unit in units]))
    assert refused.value.outcome.reason == Reason.DECODE_FAILED


def test_the_refusal_says_what_was_found(frames: Frames) -> None:
    data = bytearray(x265(frames))
    with av.open(BytesIO(data), "r") as container:
        *_, (at, size) = [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.pos is not None]
    data[at + size // 2] ^= 255
    with pytest.raises(FileRefused) as refused:
        read(bytes(data))
    assert refused.value.outcome == Quarantined(
        Reason.DECODE_FAILED, "damaged video: a slice does not end with its data"
    )


@pytest.mark.parametrize("params", ["", "profile=baseline", "cqm=jvt", "interlaced=1"])
def test_a_parameter_set_with_one_row_more(frames: Frames, params: str) -> None:
    packets = split_units(x264(frames, params, "h264"))
    (number,) = [at for at, unit in enumerate(packets) if unit[0] & 31 == SEQUENCE]
    packets[number], row, by_rows = _one_row_more(packets[number])
    assert (row, by_rows) == (9, params != "interlaced=1")  # 136 columns
    with av.open(BytesIO(join_units(packets)), format="h264") as container:
        assert container.streams.video[0].height == 104 + (16 if by_rows else 32)


@pytest.mark.parametrize(
    ("payload", "unit"),
    [
        (b"\x65\0\0\0\0\0\1", b"\x65\0\0\3\0\0\3\0\1"),
        (b"\x65\0\0\3", b"\x65\0\0\3\3"),
        (b"\x65\0\0\4", b"\x65\0\0\4"),
    ],
)
def test_emulation_prevention(payload: bytes, unit: bytes) -> None:
    assert to_unit(payload) == unit
    assert to_payload(unit) == payload
