"""JPEG: a frame whose brightness is shifted from some block on is refused; frames that change themselves are read."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from pydicom.uid import JPEGBaseline8Bit

from echosearch.errors import FileRefused
from echosearch.reading.dicom import read_frames

Frames = NDArray[np.uint8]
WriteCine = Callable[..., Path]
COUNT, SIDE = 6, 96


@pytest.fixture
def scan() -> Frames:
    """Speckle in a sector, black around it: (6, 96, 96, 3)."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    sector = (np.hypot(rows - 4, columns - 48) < 88) & (np.abs(np.arctan2(columns - 48, rows - 4)) < 0.7)
    speckle = np.random.default_rng(1).rayleigh(60, (COUNT, SIDE, SIDE)).clip(0, 255)
    return np.asarray((speckle * sector)[..., None].repeat(3, axis=3), np.uint8)


def encode(frames: Frames, quality: int = 85, sampling: str = "422") -> list[bytes]:
    if sampling == "GRAY":
        return [simplejpeg.encode_jpeg(np.ascontiguousarray(f[..., :1]), quality, "GRAY") for f in frames]
    return [simplejpeg.encode_jpeg(frame, quality, "RGB", sampling) for frame in frames]


def read(write_cine: WriteCine, streams: Sequence[bytes], photometric: str = "YBR_FULL_422") -> NDArray[np.int16]:
    size = {"rows": SIDE, "columns": SIDE, "count": COUNT}
    path = write_cine(streams, syntax=JPEGBaseline8Bit, photometric=photometric, **size)
    return read_frames(path).pixels.astype(np.int16)


@pytest.mark.parametrize("quality", [10, 50, 85, 100])
@pytest.mark.parametrize("sampling", ["420", "422", "444", "GRAY"])
def test_sound_frames_of_every_quality(write_cine: WriteCine, scan: Frames, quality: int, sampling: str) -> None:
    scan[2] = np.random.default_rng(2).choice(np.array([0, 255], np.uint8), scan[2].shape)
    photometric = "MONOCHROME2" if sampling == "GRAY" else "YBR_FULL_422"
    assert len(read(write_cine, encode(scan, quality, sampling), photometric)) == COUNT


def test_what_changes_by_itself(write_cine: WriteCine, scan: Frames) -> None:
    """A blank first frame, a flash, a bar at the bottom that comes and stays, a heart that blinks at the bottom."""
    flash, bar, heart, blank = (scan.copy() for _ in range(4))
    flash[3] = 255
    bar[3:, -16:] = 90
    heart[3, -12:-4, -12:-4] = 250
    blank[0] = 0
    blank[1:, 8:][blank[1:, 8:] == 0] = 40
    for frames in (flash, bar, heart, blank):
        assert np.abs(read(write_cine, encode(frames)) - frames).mean() < 30


@pytest.mark.parametrize("sampling", ["422", "GRAY"])
def test_one_flipped_bit_is_not_another_picture(write_cine: WriteCine, scan: Frames, sampling: str) -> None:
    photometric = "MONOCHROME2" if sampling == "GRAY" else "YBR_FULL_422"
    streams, chance = encode(scan, sampling=sampling), random.Random(4)
    good, wrong, refused = read(write_cine, streams, photometric), 0, 0
    for _ in range(150):
        damaged = bytearray(streams[3])
        damaged[chance.randrange(700, len(damaged) - 2)] ^= 1 << chance.randrange(8)
        try:
            frames = read(write_cine, [*streams[:3], bytes(damaged), *streams[4:]], photometric)
        except FileRefused:
            refused += 1
            continue
        wrong += bool(np.abs(frames - good).mean(axis=(1, 2, 3)).max() >= 4)
    assert refused >= 50
    assert wrong <= 1
