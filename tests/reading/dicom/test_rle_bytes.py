"""RLE of 16 bits whose segments begin with the low byte is read as a picture; nothing else is exchanged."""

from __future__ import annotations

import cv2
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import RLELossless

from echosearch.reading.dicom import read_frames
from echosearch.reading.dicom.pixels.rle import is_low_byte_first
from tests.reading.dicom.conftest import WriteCine

Grey = NDArray[np.uint16]


def speckled(bits: int, seed: int = 3) -> Grey:
    """(4, 64, 96): a noisy fan of ``bits`` bits on black."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:64, 0:96]
    out = np.zeros((4, 64, 96))
    for frame in out:
        speckle = cv2.GaussianBlur(rng.rayleigh(0.3, (64, 96)).clip(0, 1), (0, 0), 1)  # as neighbours in an echo
        frame[:] = np.where(np.abs(x - 48) < y, 0.2 + 0.6 * speckle * y / 64, 0)
    return (out * ((1 << bits) - 1)).astype(np.uint16)


@pytest.mark.parametrize("bits", [9, 10, 12, 16])
def test_the_low_byte_first(write_cine: WriteCine, bits: int) -> None:
    frames = speckled(bits)
    layout = {"rows": 64, "columns": 96, "count": 4, "photometric": "MONOCHROME2", "BitsAllocated": 16, "vr": "OW"}
    plain = write_cine(frames.tobytes(), **layout, BitsStored=bits, HighBit=bits - 1)
    path = write_cine(frames.byteswap().tobytes(), compress=RLELossless, name="exchanged", **layout, BitsStored=16)
    dataset = pydicom.dcmread(path)
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.save_as(path)
    assert (read_frames(path).pixels == read_frames(plain).pixels).all()


@pytest.mark.parametrize(
    "samples",
    [
        *(speckled(bits)[0] for bits in (8, 9, 10, 12, 14, 16)),
        *(speckled(bits)[0] << (16 - bits) for bits in (8, 9, 10, 12)),
        speckled(8)[0] << 8 | (speckled(8, 5)[0] & 1),
        np.random.default_rng(1).integers(0, 65536, (64, 96), np.uint16),
        np.zeros((64, 96), np.uint16),
        np.full((64, 96), 513, np.uint16),
        np.arange(64, dtype=np.uint16)[:, None],
        np.tile(np.array([0, 65535], np.uint16), (64, 48)),
    ],
)
def test_no_picture_is_taken_for_an_exchanged_one(samples: Grey) -> None:
    assert not any(is_low_byte_first(samples, bits) for bits in (8, 10, 12, 16))
