"""Uncompressed pixel data: one frame's bytes to samples, and samples to RGB, in the fewest passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.color import (
    LABELLED,
    palette_table,
    rgb_by_content,
    to_bytes_per_sample,
    ybr422_to_ybr,
    ybr_to_rgb,
)
from echosearch.reading.dicom.pixels.grey import grey_table
from echosearch.reading.dicom.pixels.layout import PixelLayout

__all__ = [
    "YBR",
    "FrameDecoder",
    "SampleDecoder",
    "in_swapped_pairs",
    "native_samples",
    "planes_to_pixels",
    "samples_to_rgb",
]

FrameDecoder = Callable[[bytearray], Uint8]  # one frame's stored bytes -> (H, W, 3) uint8 true RGB
SampleDecoder = Callable[[bytearray], NDArray[Any]]  # -> (H, W) or (H, W, 3) unsigned, as stored

YBR = frozenset({"YBR_FULL", "YBR_FULL_422"})
OF_JPEG_2000 = frozenset({"YBR_RCT", "YBR_ICT"})  # left over from before it was decompressed
KNOWN = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"}) | LABELLED | OF_JPEG_2000


def in_swapped_pairs(layout: PixelLayout, little_endian: bool, pixel_vr: str) -> bool:
    """Return True if 8-bit samples are stored in pairs, the second first: as big-endian words (PS3.5 section 7.3)."""
    return not little_endian and layout.bits_allocated == 8 and pixel_vr == "OW"


def native_samples(layout: PixelLayout, little_endian: bool, pixel_vr: str) -> SampleDecoder:
    """Return the decoder of uncompressed frames.

    Raises FileRefused(UNSUPPORTED_SYNTAX) if uncompressed data cannot have the photometric interpretation.
    """
    if layout.photometric not in KNOWN:
        raise FileRefused(
            Quarantined(
                Reason.UNSUPPORTED_SYNTAX, "this PhotometricInterpretation (0028,0004) is not read uncompressed"
            )
        )
    dtype = np.dtype(f"{'<' if little_endian else '>'}u{layout.bits_allocated // 8}")
    swapped = in_swapped_pairs(layout, little_endian, pixel_vr)

    def decode(data: bytearray) -> NDArray[Any]:
        if swapped:
            data = bytearray(np.frombuffer(data + b"\0" * (len(data) % 2), "<u2").byteswap().tobytes())
        samples = np.frombuffer(data, dtype, count=layout.frame_bytes // dtype.itemsize)
        if layout.photometric == "YBR_FULL_422":
            return ybr422_to_ybr(samples, layout.rows, layout.columns)
        if layout.samples == 1:
            return samples.reshape(layout.rows, layout.columns)
        if layout.planar:
            return planes_to_pixels(samples.reshape(3, layout.rows, layout.columns))
        return samples.reshape(layout.rows, layout.columns, 3)

    return decode


def planes_to_pixels(planes: NDArray[Any]) -> NDArray[Any]:
    """Convert (3, H, W) to (H, W, 3); bytes by OpenCV, forty times as fast as numpy's copy."""
    if planes.dtype != np.uint8:
        return np.moveaxis(planes, 0, 2)
    import cv2  # here, so that reading a header does not load it

    return np.asarray(cv2.merge([planes[0], planes[1], planes[2]]))


def samples_to_rgb(
    dataset: Dataset, layout: PixelLayout, counts: NDArray[np.intp] | None
) -> Callable[[NDArray[Any]], Uint8]:
    """Return a function from decoded samples, (H, W) or (H, W, 3), to RGB; its tables are made once.

    ``counts``: how often each pattern of bits occurs, if the layout depends on the samples (depth.py).
    """
    if layout.samples == 1 and layout.bits_allocated > 16:
        raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, f"{layout.bits_allocated}-bit samples of one channel"))
    if layout.photometric == "PALETTE COLOR":
        table = palette_table(dataset, layout)
        return lambda samples: table[samples]
    if layout.samples == 1:
        table = grey_table(dataset, layout, counts)
        return lambda samples: table[samples]
    if layout.photometric in YBR:
        return lambda samples: ybr_to_rgb(to_bytes_per_sample(samples, layout.bits_stored, layout.shift))
    if layout.photometric not in LABELLED:
        return lambda samples: rgb_by_content(to_bytes_per_sample(samples, layout.bits_stored, layout.shift))
    return lambda samples: to_bytes_per_sample(samples, layout.bits_stored, layout.shift)
