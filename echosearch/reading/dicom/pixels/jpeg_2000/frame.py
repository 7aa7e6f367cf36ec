"""JPEG 2000 frames: decoded by OpenJPEG, their code blocks checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echosearch.reading.dicom.pixels.jpeg_2000.block_ends import check_ends, with_checked_ends
from echosearch.reading.dicom.pixels.jpeg_2000.openjpeg import decode_codestream, is_at_hand
from echosearch.reading.dicom.pixels.layout import PixelLayout

__all__ = ["checked_samples"]

SIGNED = 0x80


def checked_samples(data: bytes, start: int | None, layout: PixelLayout) -> NDArray[Any] | None:
    """Return the samples of a frame whose codestream begins at ``start``, (H, W) or (H, W, 3), as pydicom gives them.

    None if pydicom has to decode it: a JP2 file, subsampled or unequal components, code blocks that cannot be checked,
    an OpenJPEG that cannot be called.
    Raises FileRefused(DECODE_FAILED) for damaged code blocks, RuntimeError if OpenJPEG gives up.
    """
    if start is None or not is_at_hand():
        return None
    stream = with_checked_ends(data[start:])
    if stream is None:
        return None
    found = decode_codestream(stream)
    check_ends(stream, found.warnings)
    kinds = {stream[at] for at in range(42, 42 + 3 * len(found.components), 3)}  # SIZ: Ssiz of each component
    depth = (stream[42] & ~SIGNED) + 1
    shapes = [part.shape for part in found.components]
    if start or len(kinds) > 1 or depth > 16 or shapes != [(layout.rows, layout.columns)] * layout.samples:
        return None
    samples = np.stack(found.components, axis=-1) if layout.samples > 1 else found.components[0]
    samples &= (1 << depth) - 1  # a stream may be signed where the header is not, or the reverse
    if layout.signed:
        sign = 1 << (depth - 1)
        return ((samples ^ sign) - sign).astype(np.int8 if depth <= 8 else np.int16)
    return samples.astype(np.uint8 if depth <= 8 else np.uint16)
