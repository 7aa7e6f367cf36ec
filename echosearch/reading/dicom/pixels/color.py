"""From stored samples to true RGB uint8, (H, W, 3): palettes, YBR, deep samples; and the green guard."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS
from echosearch.reading.dicom.pixels.depth import DARK_BITS, stored_values
from echosearch.reading.dicom.pixels.layout import PixelLayout

__all__ = [
    "LABELLED",
    "is_green",
    "is_unconverted",
    "palette_table",
    "rgb_by_content",
    "to_bytes_per_sample",
    "ybr422_to_ybr",
    "ybr_to_rgb",
]

LABELLED = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422"})  # photometric interpretations that say what is stored
GREEN_EXCESS = 60
GREEN_SHARE = 0.5
NEAR = 8  # levels from grey of a pixel that counts as grey
PLAINLY = 4  # times as many pixels are grey in one reading as in the other
LEAST = 0.1  # share of the pixels that are grey in it


def rgb_by_content(frame: Uint8) -> Uint8:
    """Return RGB of three samples a pixel, RGB or YCbCr, whose label cannot be right.

    YBR_RCT and YBR_ICT are transforms within JPEG 2000 (PS3.5 section 8.2.4); under another coding they are left from
    before it, and either is stored. Most of an ultrasound picture is black or grey, in one of the two readings.
    Raises FileRefused(UNSUPPORTED_SYNTAX) if it is so in neither or in both.
    """
    grey, neutral = _grey_shares(frame)
    if grey >= max(LEAST, PLAINLY * neutral):
        return frame
    if neutral >= max(LEAST, PLAINLY * grey):
        return ybr_to_rgb(frame)
    rule = "PhotometricInterpretation (0028,0004) does not go with its compression, nor do its pixels say its colours"
    raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, rule))


def is_unconverted(frame: Uint8) -> bool:
    """Return True if most of a frame is grey as YCbCr has it, (Y, 128, 128): its colours were not converted."""
    is_other = np.abs(frame[::2, ::2, 0].astype(np.int16) - 128) > 3 * NEAR
    return bool(np.mean(is_other & _is_neutral(frame)) > GREEN_SHARE)


def _grey_shares(frame: Uint8) -> tuple[float, float]:
    """Return the share of grey pixels if a frame is RGB, and if it is YCbCr."""
    small = frame[::2, ::2]
    grey = small.max(axis=2) - small.min(axis=2) <= NEAR
    return float(grey.mean()), float(_is_neutral(frame).mean())


def _is_neutral(frame: Uint8) -> NDArray[np.bool_]:
    """Return where both colour differences of a YCbCr frame are none, every second row and column."""
    away = np.abs(frame[::2, ::2, 1:].astype(np.int16) - 128)
    return np.asarray(away.max(axis=2) <= NEAR)


def is_green(frame: Uint8) -> bool:
    """Return True if a frame was colour-converted twice: more than half its pixels have G - max(R, B) > 60.

    A correct cine has a share of 0.000, a double-converted one 0.991.
    """
    small = frame[::2, ::2].astype(np.int16)
    excess = small[..., 1] - np.maximum(small[..., 0], small[..., 2])
    return bool(np.mean(excess > GREEN_EXCESS) > GREEN_SHARE)


def ybr_to_rgb(ybr: Uint8) -> Uint8:
    """Convert YBR_FULL (H, W, 3) to RGB: full range, ITU-R BT.601 (PS3.3 section C.7.6.3.1.2)."""
    import cv2  # here, so that reading a header does not load it

    luma, blue, red = cv2.split(np.ascontiguousarray(ybr))
    return np.asarray(cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2RGB), dtype=np.uint8)


def ybr422_to_ybr(samples: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Convert uncompressed YBR_FULL_422, Y0 Y1 Cb Cr for two pixels, to (H, W, 3)."""
    pairs = samples.reshape(-1, 4)
    ybr = np.empty((rows * columns // 2, 2, 3), samples.dtype)
    ybr[:, :, 0] = pairs[:, :2]
    ybr[:, :, 1:] = pairs[:, None, 2:]
    return ybr.reshape(rows, columns, 3)


def to_bytes_per_sample(samples: NDArray[np.integer], bits: int, shift: int = 0) -> Uint8:
    """Convert unsigned samples, ``bits`` bits from bit ``shift`` on, to 8: the upper ones, fewer stretched."""
    if shift or (bits > 8 and bits < 8 * samples.dtype.itemsize):
        samples = samples >> shift & ((1 << bits) - 1)
    if bits > 8:
        return (samples >> (bits - 8)).astype(np.uint8)
    if bits < 8:
        top = (1 << bits) - 1
        return ((samples & top).astype(np.uint16) * 255 // top).astype(np.uint8)
    return samples.astype(np.uint8, copy=False)


def palette_table(dataset: Dataset, layout: PixelLayout) -> Uint8:
    """Return (2**bits_allocated, 3) RGB for every stored value of a PALETTE COLOR image; segmented palettes too.

    pydicom's apply_color_lut wraps indices above 255 into palettes of bytes and takes big-endian entries for
    little-endian ones; so only segments are left to it.
    """
    try:
        length, first, _ = (int(value) for value in dataset.RedPaletteColorLookupTableDescriptor)
        length = length or 1 << 16
        if "RedPaletteColorLookupTableData" in dataset:
            table = np.stack([_palette_channel(dataset, name, length) for name in ("Red", "Green", "Blue")], axis=-1)
        else:
            table = apply_color_lut(np.arange(first, first + length, dtype=np.int32), dataset)
    except (*VALUE_ERRORS, AssertionError) as exc:
        raise FileRefused(
            Quarantined(Reason.BAD_HEADER, f"the colour palette (0028,1101-1203) cannot be read ({type(exc).__name__})")
        ) from exc
    if table.dtype.itemsize > 1:
        table = table >> _depth_of_entries(table) - 8
    entry = np.clip(stored_values(layout) - first, 0, length - 1)
    return np.ascontiguousarray(table[entry, :3].astype(np.uint8))


def _depth_of_entries(table: NDArray[Any]) -> int:
    """Return the bits of a palette's entries: 16, unless its brightest colour would be 16 times too dark.

    Some write entries of 8 bits, or of the 12 that their machine computes with, into a palette of 16.
    """
    highest = int(table.max()).bit_length()
    return max(highest, 8) if highest <= 16 - DARK_BITS else 16


def _palette_channel(dataset: Dataset, name: str, length: int) -> NDArray[np.unsignedinteger[Any]]:
    """One colour's entries: a word each, or two in a word, the first in its lower byte (PS3.3 section C.7.6.3.1.6)."""
    _, little_endian = dataset.original_encoding
    data = dataset[f"{name}PaletteColorLookupTableData"].value
    words = np.frombuffer(data, "<u2" if little_endian else ">u2", count=len(data) // 2)
    entries = words if words.size >= length else words.astype("<u2").view(np.uint8)
    if not 1 <= length <= entries.size:
        raise ValueError(f"{entries.size} palette entries, {length} declared")
    return entries[:length]
