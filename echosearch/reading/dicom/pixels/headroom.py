"""Lossless JPEG and JPEG 2000: no sample of a sound frame is outside its range, so a decoder clips none.

Damaged code decodes without an error, to differences or coefficients that no picture had: where it was black, samples
become negative, and the decoder clips them. Read as if samples had 16 bits, they are not clipped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import HTJ2KLossless, HTJ2KLosslessRPCL, JPEG2000Lossless, JPEGLossless, JPEGLosslessSV1

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.codestream import soi

__all__ = ["DEEP", "deepened", "fitted"]

DEEP = 16  # bits
SPARE = 2  # bits at least that the samples of a damaged frame may exceed their range by
TOLERANCE = 32  # a part of the range: encoders round
LOSSLESS_JPEG = frozenset(map(str, (JPEGLossless, JPEGLosslessSV1)))
LOSSLESS_2000 = frozenset(map(str, (JPEG2000Lossless, HTJ2KLossless, HTJ2KLosslessRPCL)))
REVERSIBLE = b"\x01"  # transformation, the 5/3 filter (ISO 15444-1, table A.20)
SIZ, COD, SOF3, SOS = b"\xff\x4f\xff\x51", b"\xff\x52", b"\xff\xc3", b"\xff\xda"


def deepened(data: bytes | bytearray, syntax: str, depth: int | None) -> bytes | None:
    """Return a frame that states samples of 16 bits, to be decoded and ``fitted``; None if it cannot: its code is not
    lossless, or its samples are too deep.
    """
    if depth is None or depth > DEEP - SPARE:
        return None
    places = _depths_of_jpeg(data) if syntax in LOSSLESS_JPEG else []
    stated = depth, DEEP
    if syntax in LOSSLESS_2000:
        places, stated = _depths_of_2000(data), (depth - 1, DEEP - 1)
    if not places or {data[at] for at in places} != {stated[0]}:
        return None
    deep = bytearray(data)
    for at in places:
        deep[at] = stated[1]
    return bytes(deep)


def _depths_of_jpeg(data: bytes | bytearray) -> list[int]:
    """Where a lossless JPEG without a point transform states its precision (ITU-T T.81, B.2.2, B.2.3)."""
    start = data.find(SOF3, soi(data) or 0)
    scan = data.find(SOS, start)
    if start < 0 or scan < 0 or scan + 5 > len(data) or data[scan + 7 + 2 * data[scan + 4]] & 15:
        return []
    return [start + 4]


def _depths_of_2000(data: bytes | bytearray) -> list[int]:
    """Where a reversible JPEG 2000 codestream states the depth of each component (ISO 15444-1, A.5.1)."""
    start = data.find(SIZ, 0, 4096)
    cod = data.find(COD, start, start + 4096)
    if start < 0 or cod < 0 or data[cod + 13 : cod + 14] != REVERSIBLE:
        return []
    return list(range(start + 42, start + 42 + 3 * int.from_bytes(data[start + 40 : start + 42], "big"), 3))


def fitted(samples: NDArray[Any], depth: int) -> NDArray[Any]:
    """Return the samples of a deepened frame in their own depth.

    Raises FileRefused(DECODE_FAILED) if some are far outside its range.
    """
    values = samples.astype(np.int32) - (1 << (DEEP - 1)) + (1 << (depth - 1))
    highest = (1 << depth) - 1
    excess = (1 << depth) // TOLERANCE
    if values.min() < -excess or values.max() > highest + excess:
        rule = f"a lossless frame of {depth} bits has samples from {values.min()} to {values.max()}: it is damaged"
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, rule))
    return values.clip(0, highest).astype(np.uint8 if depth <= 8 else np.uint16)
