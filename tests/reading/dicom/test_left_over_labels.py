"""YBR_RCT and YBR_ICT outside JPEG 2000: what is stored is read off the pixels, or refused."""

from __future__ import annotations

import struct

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from echosearch.clip import ClipSpec
from echosearch.encoder.pixels.preprocess import make_clip
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom import is_unconverted, open_cine, read_frames
from tests.reading.dicom.conftest import WriteCine

Frames = NDArray[np.uint8]


@pytest.fixture
def echo() -> Frames:
    """(3, 48, 64, 3): a grey sector with a red and blue jet, on black."""
    y, x = np.mgrid[0:48, 0:64]
    out = np.zeros((3, 48, 64, 3), np.uint8)
    sector = np.abs(x - 32) < y
    out[:, sector] = (40 + 3 * y + x)[sector][:, None]
    out[:, 20:30, 28:34], out[:, 20:30, 34:38] = (200, 20, 10), (10, 20, 220)
    return out


def lossless_jpeg(frame: Frames) -> bytes:
    """JPEG Lossless, process 14 selection value 1, three interleaved components; 17 Huffman codes of 5 bits each."""
    rows, columns, _ = frame.shape
    values = frame.astype(int)
    predicted = np.empty_like(values)
    predicted[:, 1:] = values[:, :-1]
    predicted[1:, 0], predicted[0, 0] = values[:-1, 0], 128
    bits = []
    for difference in (values - predicted).reshape(-1):
        size = abs(int(difference)).bit_length()
        bits.append(f"{size:05b}")
        if size:
            bits.append(f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}")
    coded = "".join(bits)
    coded += "1" * (-len(coded) % 8)
    data = int(coded, 2).to_bytes(len(coded) // 8, "big").replace(b"\xff", b"\xff\x00")
    components = b"".join(bytes((i, 0x11, 0)) for i in (1, 2, 3))
    table = b"\x00" + bytes((0, 0, 0, 0, 17)) + bytes(11) + bytes(range(17))
    return (
        b"\xff\xd8\xff\xc3"
        + struct.pack(">HBHHB", 17, 8, rows, columns, 3)
        + components
        + b"\xff\xc4"
        + struct.pack(">H", 2 + len(table))
        + table
        + b"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x01\x00\x00"
        + data
        + b"\xff\xd9"
    )


def labelled(write_cine: WriteCine, stored: Frames, syntax: str, photometric: str) -> Frames:
    size = {"count": len(stored), "photometric": photometric}
    if syntax == JPEGLosslessSV1:
        path = write_cine([lossless_jpeg(frame) for frame in stored], syntax=syntax, **size)
    else:
        path = write_cine(stored.tobytes(), compress="" if syntax == ExplicitVRLittleEndian else syntax, count=3)
        dataset = pydicom.dcmread(path)
        dataset.PhotometricInterpretation = photometric
        dataset.save_as(path)
    return read_frames(path).pixels


@pytest.mark.parametrize("photometric", ["YBR_RCT", "YBR_ICT"])
@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, RLELossless, ExplicitVRLittleEndian])
def test_the_pixels_say_whether_they_are_rgb(
    write_cine: WriteCine, echo: Frames, syntax: str, photometric: str
) -> None:
    assert (labelled(write_cine, echo, syntax, photometric) == echo).all()
    ycbcr = np.stack([convert_color_space(frame, "RGB", "YBR_FULL") for frame in echo])
    read = labelled(write_cine, ycbcr, syntax, photometric)
    assert np.abs(read.astype(int) - echo).max() <= 3  # rounding on the way to YCbCr and back


def test_the_labels_that_lossless_jpeg_may_have_are_believed(write_cine: WriteCine, echo: Frames) -> None:
    assert (labelled(write_cine, echo, JPEGLosslessSV1, "RGB") == echo).all()
    ycbcr = np.stack([convert_color_space(frame, "RGB", "YBR_FULL") for frame in echo])
    assert np.abs(labelled(write_cine, ycbcr, JPEGLosslessSV1, "YBR_FULL").astype(int) - echo).max() <= 3


def test_pixels_that_do_not_say_are_refused(write_cine: WriteCine, frames: Frames) -> None:
    with pytest.raises(FileRefused) as refused:
        labelled(write_cine, frames[:3], JPEGLSLossless, "YBR_RCT")
    assert refused.value.outcome.reason == Reason.UNSUPPORTED_SYNTAX


def test_a_jpeg_2000_that_transforms_its_components_is_not_asked(write_cine: WriteCine, frames: Frames) -> None:
    path = write_cine(frames.tobytes(), photometric="YBR_RCT", compress=JPEG2000Lossless)
    assert (read_frames(path).pixels == frames).all()


def test_ycbcr_that_is_labelled_rgb_makes_no_clip(write_cine: WriteCine, echo: Frames) -> None:
    ycbcr = np.stack([convert_color_space(frame, "RGB", "YBR_FULL") for frame in echo])
    path = write_cine(ycbcr.tobytes(), count=3)
    with pytest.raises(FileRefused) as refused:
        make_clip("k", open_cine(path), ClipSpec(frames=2, stride=1, size=32))
    assert isinstance(refused.value.outcome, Quarantined)
    assert refused.value.outcome.reason == Reason.GREEN_FRAMES
    assert is_unconverted(ycbcr[0])
    assert not is_unconverted(echo[0])
