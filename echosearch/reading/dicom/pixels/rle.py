"""RLE Lossless (PS3.5 annex G) straight from its stored bytes: half the time of the way through pydicom's arrays."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rle.utils import decode_pixel_data

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.codestream import kind_of
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.dicom.pixels.native import SampleDecoder, planes_to_pixels

__all__ = ["is_low_byte_first", "rle_samples"]

HEADER = 64  # bytes
ONE_SEGMENT = struct.pack("<16L", 1, HEADER, *[0] * 14)
NOISE = 4  # times rougher than the other order
ROUGHER = 1.02  # the same, where only the other order fits in BitsStored
SMOOTH = 1e-6
PADDING = 2  # a padding NUL reads as one more pixel


def rle_samples(layout: PixelLayout, low_byte_first: bool = False) -> SampleDecoder:
    """Return a decoder, which raises FileRefused(DECODE_FAILED) for damaged segments and a wrong size.

    Every segment must decode to exactly one byte of each pixel: a damaged run length moves all pixels behind it.
    ``low_byte_first``: segments are in the order that the standard does not have.
    """
    pixels = layout.rows * layout.columns
    width = layout.bits_allocated // 8

    def decode(data: bytearray) -> NDArray[Any]:
        if kind_of(bytes(data[:HEADER])) != "rle":
            raise _failed("an RLE frame has no header")
        count, *offsets = struct.unpack_from("<16L", data)
        if count != layout.samples * width:
            raise _failed(f"an RLE frame has {count} segments, the header says {layout.samples * width}")
        planes = np.empty((layout.samples, width, pixels), np.uint8)
        for number, (start, end) in enumerate(zip(offsets, [*offsets[1:count], len(data)], strict=False)):
            if number == count:
                break
            if not HEADER <= start < end <= len(data):
                raise _failed("an RLE segment is outside its frame")
            sample, byte = divmod(number, width)
            place = byte if low_byte_first else width - 1 - byte
            planes[sample, place] = _plane(bytes(data[start:end]), pixels)
        samples = np.ascontiguousarray(planes.swapaxes(1, 2)).view(f"<u{width}")[..., 0]
        shaped = samples.reshape(layout.samples, layout.rows, layout.columns)
        return shaped[0] if layout.samples == 1 else planes_to_pixels(shaped)

    return decode


def is_low_byte_first(samples: NDArray[Any], bits_stored: int) -> bool:
    """Return whether samples of 16 bits, (H, W), are a picture only if their bytes are exchanged.

    Neighbours in a picture are alike; with its bytes exchanged it is noise, whose samples are deeper than BitsStored. A
    picture of 8 bits is one in both orders.
    """
    if samples.dtype.itemsize != 2:
        return False
    other = samples.byteswap()
    times = _roughness(samples) / max(_roughness(other), SMOOTH)
    only_other_fits = int(other.max()) >> bits_stored == 0 < int(samples.max()) >> bits_stored
    return times > (ROUGHER if only_other_fits else NOISE)


def _roughness(samples: NDArray[Any]) -> float:
    """Return the mean difference of neighbours in a row, as a share of the range."""
    values = samples.astype(np.int32)
    return float(np.abs(np.diff(values, axis=1)).mean() / max(np.ptp(values), 1)) if values.shape[1] > 1 else 0.0


def _plane(segment: bytes, pixels: int) -> NDArray[np.uint8]:
    """The bytes of one segment. It never takes more room than they do, whatever its runs ask for."""
    try:
        plane = _unpack(segment, pixels)
    except ValueError as exc:
        raise _failed("an RLE segment is damaged, or holds fewer pixels than Rows x Columns") from exc
    if _holds(segment, pixels + PADDING) and _holds(segment.rstrip(b"\0"), pixels + PADDING):
        raise _failed("an RLE segment is damaged, or holds more pixels than Rows x Columns")
    return np.frombuffer(plane, np.uint8)


def _holds(segment: bytes, pixels: int) -> bool:
    try:
        _unpack(segment, pixels)
    except ValueError:
        return False
    return True


def _unpack(segment: bytes, pixels: int) -> bytearray:
    """The first ``pixels`` bytes. Raises ValueError if there are fewer."""
    unpacked = decode_pixel_data(ONE_SEGMENT + segment, version=2, rows=1, columns=pixels, bits_allocated=8)
    assert isinstance(unpacked, bytearray)
    return unpacked


def _failed(detail: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.DECODE_FAILED, detail))
