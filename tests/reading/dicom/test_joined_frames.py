"""Pixel data whose fragments hold several frames: read where each frame surely begins, else refused by its reason."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from echosearch.errors import FileRefused
from echosearch.outcome import Reason
from echosearch.reading.dicom import read_frames, read_header
from echosearch.reading.dicom.pixels import joined_frames
from tests.reading.dicom.conftest import WriteCine

Frames = NDArray[np.uint8]
LABELS: dict[str, str] = {
    JPEGBaseline8Bit: "YBR_FULL_422",
    JPEG2000Lossless: "RGB",
    JPEGLSLossless: "RGB",
    RLELossless: "RGB",
}


def items(streams: Sequence[bytes], lengths: Sequence[int] = ()) -> bytes:
    """The streams one behind the other as fragments of these lengths (the last one takes the rest), no offsets."""
    data = b"".join(stream + bytes(len(stream) % 2) for stream in streams)
    made = b"\xfe\xff\x00\xe0" + bytes(4)
    for length in (*lengths, len(data)):
        part, data = data[:length], data[length:]
        made += b"\xfe\xff\x00\xe0" + struct.pack("<L", len(part)) + part
    return made


def streams_of(write_cine: WriteCine, frames: Frames, jpegs: list[bytes], syntax: str) -> list[bytes]:
    if syntax == JPEGBaseline8Bit:
        return jpegs
    path = write_cine(frames.tobytes(), compress=syntax, name="compressed")
    return list(generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=len(frames)))


@pytest.mark.parametrize("chunk", [64, 1024 * 1024])
@pytest.mark.parametrize("lengths", [(), (500,), (2, 1000, 66, 2000)])
@pytest.mark.parametrize("syntax", LABELS)
def test_frames_that_share_fragments_are_read(
    write_cine: WriteCine,
    frames: Frames,
    jpegs: list[bytes],
    syntax: str,
    lengths: tuple[int, ...],
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joined_frames, "CHUNK", chunk)
    streams = streams_of(write_cine, frames, jpegs, syntax)
    whole = write_cine(streams, syntax=syntax, photometric=LABELS[syntax], name="whole")
    path = write_cine(items(streams, lengths), syntax=syntax, photometric=LABELS[syntax], name="joined")
    assert read_header(path).n_frames == 6
    assert (read_frames(path).pixels == read_frames(whole).pixels).all()


@pytest.mark.parametrize("syntax", LABELS)
def test_fewer_frames_than_declared_in_one_fragment(
    write_cine: WriteCine, frames: Frames, jpegs: list[bytes], syntax: str
) -> None:
    streams = streams_of(write_cine, frames, jpegs, syntax)[:5]
    path = write_cine(items(streams), syntax=syntax, photometric=LABELS[syntax])
    with pytest.raises(FileRefused) as refused:
        read_header(path)
    assert (refused.value.outcome.reason, refused.value.outcome.detail) == (
        Reason.TRUNCATED,
        "6 frames declared, 5 stored",
    )


def test_more_frames_than_declared_in_few_fragments_are_in_doubt(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    path = write_cine(items([*jpegs, jpegs[0]], [700]), syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    with pytest.raises(FileRefused) as refused:
        read_header(path)
    assert (refused.value.outcome.reason, refused.value.outcome.detail) == (
        Reason.BAD_HEADER,
        "6 frames declared, 2 fragments hold 7",
    )
