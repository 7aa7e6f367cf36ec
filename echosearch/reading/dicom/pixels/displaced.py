"""Detect bytes inserted into, or removed from, uncompressed pixel data of unchanged length: every later frame is
displaced. The displaced bytes are behind the pixel data, where some files have the rest of a disk's block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echosearch.reading.files import ByteReader

__all__ = ["is_displaced"]

BLOCKS, BLOCK = 16, 4096  # bytes of a frame that are compared with the next one
NEAREST = 16  # displacements up to this are tried besides the one that the bytes behind suggest
PADDING = b"\xfc\xff\xfc\xff"  # Data Set Trailing Padding (FFFC,FFFC), the element that follows pixel data
TRAILER = 4096  # bytes in which it is looked for
DIFFERENT = 3.0  # mean difference of two blocks above which they are not the same
BETTER = 0.5  # of that difference, if a displacement explains it
ENOUGH = 2  # blocks of one pair of frames


def is_displaced(reader: ByteReader, start: int, frame_bytes: int, count: int, slack: int) -> bool:
    """Return True if parts of a frame are some bytes away from their position in the frame before.

    ``slack``: bytes behind the pixel data that belong to no element.
    """
    if count < 2:
        return False
    steps = [*range(-NEAREST, 0), *range(1, NEAREST + 1)]
    behind = reader.at(reader.size - slack, TRAILER)
    for step in (slack, behind.find(PADDING), behind.find(PADDING[::-1])):  # all that follows, or up to a real element
        if NEAREST < step <= frame_bytes // 4:
            steps.append(step)
    margin = max(steps)
    size = min(BLOCK, (frame_bytes - 2 * margin) // BLOCKS)
    if size < 1:
        return False
    at = np.linspace(margin, frame_bytes - margin - size, BLOCKS).astype(np.intp)[:, None] + np.arange(size)
    before = _frame(reader, start, frame_bytes)
    for number in range(1, count):
        frame = _frame(reader, start + number * frame_bytes, frame_bytes)
        blocks = before[at]
        difference = np.abs(blocks - frame[at]).mean(axis=1)
        moved = difference >= DIFFERENT
        if moved.sum() >= ENOUGH:
            for step in steps:
                shifted = np.abs(blocks[moved] - frame[at[moved] + step]).mean(axis=1)
                if (shifted <= BETTER * difference[moved]).sum() >= ENOUGH:
                    return True
        before = frame
    return False


def _frame(reader: ByteReader, offset: int, length: int) -> NDArray[np.int16]:
    return np.frombuffer(reader.at(offset, length), np.uint8).astype(np.int16)
