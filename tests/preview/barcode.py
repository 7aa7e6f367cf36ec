"""A frame's number, written into its pixels so that no codec loses it: ten bits as black and white blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from echosearch.clip import Uint8

__all__ = ["BITS", "BLOCK", "barcodes", "number_in"]

BITS, BLOCK = 10, 16  # pixels a side


def barcodes(frames: int, height: int = 64, width: int = 192) -> Iterator[Uint8]:
    """Yield (height, width, 3) frames: the number in the upper left, noise that moves in the rest."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 120, (height, width, 3), dtype=np.uint8)
    for number in range(frames):
        frame = np.roll(noise, 3 * number, axis=1)
        for bit in range(BITS):
            frame[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 235 if number >> bit & 1 else 16
        yield frame


def number_in(frame: Uint8) -> int:
    middle = frame[BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK].mean(axis=1)
    return sum(1 << bit for bit in range(BITS) if middle[bit] > 128)
