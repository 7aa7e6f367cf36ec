"""Lossless JPEG and JPEG 2000: every sound frame is read to the bit, and damaged code is not another picture."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1

from echosearch.errors import FileRefused
from echosearch.reading.dicom import read_frames
from echosearch.reading.dicom.pixels.headroom import deepened

Frames = NDArray[np.uint8]
WriteCine = Callable[..., Path]


def streams(path: Path, count: int) -> list[bytes]:
    return list(generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=count))


@pytest.fixture
def scan() -> Frames:
    """Speckle in a sector, black around it: (2, 96, 96, 3)."""
    rows, columns = np.mgrid[:96, :96]
    sector = (np.hypot(rows - 4, columns - 48) < 88) & (np.abs(np.arctan2(columns - 48, rows - 4)) < 0.7)
    speckle = np.random.default_rng(1).rayleigh(60, (2, 96, 96)).clip(0, 255)
    return np.asarray((speckle * sector)[..., None].repeat(3, axis=3), np.uint8)


@pytest.mark.parametrize("values", [(0, 255), (0, 1), (255, 255)])
def test_whole_range_of_colours(write_cine: WriteCine, values: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).choice(np.array(values, np.uint8), (6, 48, 64, 3))
    path = write_cine(pixels.tobytes(), compress=JPEG2000Lossless)
    assert (read_frames(path).pixels == pixels).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
def test_whole_range_of_grey(write_cine: WriteCine, bits: int) -> None:
    deep = np.random.default_rng(3).integers(0, 1 << bits, (6, 48, 64)).astype("<u2")
    deep[:, 0, :2] = 0, (1 << bits) - 1
    depth = {"BitsAllocated": 16, "BitsStored": bits, "HighBit": bits - 1, "photometric": "MONOCHROME2"}
    plain = read_frames(write_cine(deep.tobytes(), **depth)).pixels
    packed = write_cine(deep.tobytes(), compress=JPEG2000Lossless, name="j2k", **depth)
    is_deepened = deepened(streams(packed, 6)[0], str(JPEG2000Lossless), bits) is not None
    assert is_deepened == (bits <= 14)
    assert (read_frames(packed).pixels == plain).all()


def test_lossy_code_is_read_as_before(write_cine: WriteCine, scan: Frames) -> None:
    """It may leave the range: a sharp edge rings."""
    path = write_cine(scan.tobytes(), rows=96, columns=96, count=2)
    dataset = pydicom.dcmread(path)
    dataset.compress("1.2.840.10008.1.2.4.91", j2k_cr=[20], generate_instance_uid=False)
    dataset.save_as(path)
    assert deepened(streams(path, 2)[0], "1.2.840.10008.1.2.4.91", 8) is None
    assert np.abs(read_frames(path).pixels.astype(int) - scan).mean() < 20


def test_damaged_code_of_jpeg_2000(write_cine: WriteCine, scan: Frames) -> None:
    path = write_cine(scan.tobytes(), rows=96, columns=96, count=2, compress=JPEG2000Lossless)
    (first, second), chance = streams(path, 2), random.Random(1)
    refused = wrong = 0
    for _ in range(30):
        damaged = bytearray(second)
        at = chance.randrange(400, len(damaged) - 300)
        damaged[at : at + 200] = chance.randbytes(200)
        pixels = encapsulate([first, bytes(damaged)])
        path = write_cine(pixels, rows=96, columns=96, count=2, syntax=JPEG2000Lossless, name="damaged")
        try:
            wrong += bool(np.abs(read_frames(path).pixels.astype(int) - scan).mean(axis=(1, 2, 3)).max() >= 4)
        except FileRefused:
            refused += 1
    assert refused >= 15
    assert wrong == 0


def test_damaged_code_of_lossless_jpeg(write_cine: WriteCine) -> None:
    still = pydicom.dcmread(str(get_testdata_file("SC_rgb_jpeg_gdcm.dcm", download=False)))
    (stream,) = generate_frames(still.PixelData, number_of_frames=1)
    size = {"rows": 100, "columns": 100, "count": 2, "syntax": JPEGLosslessSV1}
    good = read_frames(write_cine(encapsulate([stream, stream]), **size)).pixels
    assert (good[0] == still.pixel_array).all()
    chance, refused, wrong = random.Random(1), 0, 0
    for _ in range(30):
        damaged = bytearray(stream)
        at = chance.randrange(400, len(damaged) - 500)
        damaged[at : at + 400] = chance.randbytes(400)
        try:
            frames = read_frames(write_cine(encapsulate([stream, bytes(damaged)]), name="damaged", **size)).pixels
        except FileRefused:
            refused += 1
            continue
        wrong += bool(np.abs(frames.astype(int) - good).mean(axis=(1, 2, 3)).max() >= 4)
    assert refused >= 25
    assert wrong == 0
