"""Find which bits of a stored sample hold its value if the label and the samples disagree.

BitsStored and HighBit are claims. Values above BitsStored would wrap round to noise, and 8 bits in a container of 16
would be black; so samples of an unusual depth are looked at before they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS
from echosearch.reading.dicom.pixels.layout import PixelLayout

__all__ = ["DARK_BITS", "LOOKED_AT", "count_patterns", "needs_a_look", "settled", "stored_values"]

LOOKED_AT = 16  # frames, spread over the cine
DARK_BITS = 4  # colour that leaves so many of its upper bits unused is 16 times too dark
OVERLAY_BIT_POSITIONS = [0x60000102 + (group << 16) for group in range(0, 0x20, 2)]  # (60xx,0102)


def needs_a_look(layout: PixelLayout) -> bool:
    """Return True if samples have another depth than plain bytes, so that their values decide."""
    return layout.bits_allocated <= 16 and (layout.bits_allocated, layout.bits_stored) != (8, 8)


def count_patterns(frames: Iterable[NDArray[Any]], bits_allocated: int) -> NDArray[np.intp]:
    """Count how often each pattern of bits_allocated bits occurs in the samples of ``frames``."""
    counts = np.zeros(1 << bits_allocated, np.intp)
    for samples in frames:
        counts += np.bincount(samples.ravel(), minlength=counts.size)
    return counts


def settled(dataset: Dataset, layout: PixelLayout, counts: NDArray[np.intp]) -> PixelLayout:
    """Return the layout with the BitsStored and shift that fit its samples."""
    used = np.flatnonzero(counts)
    bits, shift = layout.bits_stored, layout.shift
    if shift and (used & ((1 << shift) - 1)).any():  # there are bits below the value
        shift = 0
    above = used >> (shift + bits)
    if above.any() and not _is_sign(layout, used, shift) and not _has_overlay(dataset):
        bits, shift = layout.bits_allocated, 0
    highest = int(used.max(initial=0)) >> shift
    if layout.samples == 3 and highest and highest.bit_length() <= bits - DARK_BITS:
        bits = max(highest.bit_length(), 8)
    return replace(layout, bits_stored=bits, shift=shift)


def _is_sign(layout: PixelLayout, used: NDArray[np.intp], shift: int) -> bool:
    """Return True if all bits above a signed value repeat its sign."""
    signs = used >> (shift + layout.bits_stored - 1)
    full = (1 << (layout.bits_allocated - shift - layout.bits_stored + 1)) - 1
    return layout.signed and bool(((signs == 0) | (signs == full)).all())


def _has_overlay(dataset: Dataset) -> bool:
    """Return True if an overlay is kept in bits that the samples do not use (retired, PS3.3-2004 section C.9.2)."""
    try:
        return any(dataset[tag].value for tag in OVERLAY_BIT_POSITIONS if tag in dataset)
    except VALUE_ERRORS:
        return False


def stored_values(layout: PixelLayout) -> NDArray[np.int64]:
    """Return the value of each pattern of bits_allocated bits: bits_stored bits from ``shift`` on, signed or not."""
    bits = layout.bits_stored
    raw = np.arange(1 << layout.bits_allocated, dtype=np.int64) >> layout.shift & ((1 << bits) - 1)
    return np.where(raw >= 1 << (bits - 1), raw - (1 << bits), raw) if layout.signed else raw
