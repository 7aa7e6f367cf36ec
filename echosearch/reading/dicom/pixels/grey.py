"""Map stored values of a MONOCHROME image to grey: by window, VOI LUT, or the range that the pixels use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS
from echosearch.reading.dicom.elements.values import first_number, numbers, text
from echosearch.reading.dicom.pixels.depth import stored_values
from echosearch.reading.dicom.pixels.layout import PixelLayout

__all__ = ["grey_table"]

Greys = NDArray[np.float64]

MAX_TABLE_BITS = 16
FEWEST_GREYS = 32  # between the darkest and the brightest pixel: a window that gives less shows nothing
LOST = 0.99  # share of the lit pixels, all black or all white, from which on a window shows nothing
FULL = 0.25  # share of all storable values that pixels span, on both sides of their middle, to be shown as stored
GLARE = 16  # times brighter than nearly all others: a burnt-in text in the container's highest value


def grey_table(dataset: Dataset, layout: PixelLayout, counts: NDArray[np.intp] | None) -> Uint8:
    """Return (2**bits_allocated, 3) RGB for every stored value of a MONOCHROME image.

    8 bits are shown as stored, fewer are stretched from their full range to 0..255. Deeper ones go through the modality
    rescale, then the first window (PS3.3 section C.11.2.1.2) or VOI LUT that shows something; without one the full
    range becomes 0..255 if the pixels use it, else the range that they use, as in viewers. MONOCHROME1 is inverted.
    ``counts``: how often each stored pattern occurs.
    """
    if layout.bits_allocated > MAX_TABLE_BITS:
        raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, f"grey samples of {layout.bits_allocated} bits"))
    values = stored_values(layout)
    if layout.bits_stored <= 8 or counts is None:
        scaled = _stretch(values.astype(np.float64), float(values.min()), float(values.max()))
    else:
        scaled = _deep(dataset, values, counts)
    if layout.photometric == "MONOCHROME1":
        scaled = 255.0 - scaled
    return np.repeat(np.floor(scaled + 0.5).astype(np.uint8)[:, None], 3, axis=1)


def _deep(dataset: Dataset, values: NDArray[np.int64], counts: NDArray[np.intp]) -> Greys:
    padding = first_number(dataset, "PixelPaddingValue")
    seen = (counts > 0) & (values != padding) if padding is not None else counts > 0
    if not seen.any():
        seen = counts > 0
    greys = _rescaled(dataset, values)
    for shown in _wanted(dataset, greys):
        if _shows(shown[seen], greys[seen], counts[seen]):
            return shown
    low, high = _range(greys[seen], counts[seen])
    full_low, full_high = float(greys.min()), float(greys.max())
    middle, whole = (full_low + full_high) / 2, full_high - full_low
    if low < middle <= high and high - low >= FULL * whole:  # BitsStored is true
        low, high = full_low, full_high
    return _stretch(greys, low, high)


def _rescaled(dataset: Dataset, values: NDArray[np.int64]) -> Greys:
    """Through RescaleSlope and RescaleIntercept, or the modality LUT; one that makes all values equal is left out."""
    try:
        greys = np.asarray(apply_modality_lut(values.astype(np.int32), dataset), np.float64)
    except (*VALUE_ERRORS, AssertionError) as exc:
        raise FileRefused(Quarantined(Reason.BAD_HEADER, "the modality LUT (0028,3000) cannot be read")) from exc
    return greys if np.isfinite(greys).all() and np.ptp(greys) > 0 else values.astype(np.float64)


def _wanted(dataset: Dataset, greys: Greys) -> Iterator[Greys]:
    """What the file's windows, then its VOI LUT, make of the values."""
    function = text(dataset, "VOILUTFunction").upper()
    for center, width in zip(numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth"), strict=False):
        if function == "SIGMOID" and width > 0:
            yield 255.0 / (1.0 + np.exp(np.clip(-4.0 * (greys - center) / width, -500.0, 500.0)))
        elif function == "LINEAR_EXACT" and width > 0:
            yield _stretch(greys, center - width / 2, center + width / 2)
        elif width >= 1:
            yield _stretch(greys, center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)
    try:
        yield _looked_up(dataset, greys)
    except (*VALUE_ERRORS, AssertionError):
        return  # there is no VOI LUT, or none that can be read


def _looked_up(dataset: Dataset, greys: Greys) -> Greys:
    """Through the first VOI LUT (PS3.3 section C.11.2.1.1). pydicom's apply_voi wraps indices of an 8-bit one."""
    (item, *_) = dataset.VOILUTSequence
    length, first, bits = (int(value) for value in item.LUTDescriptor)
    length = length or 1 << 16
    if first >= 1 << 15 and greys.min() < 0:  # read as unsigned
        first -= 1 << 16
    data = item["LUTData"].value
    _, little_endian = dataset.original_encoding
    entries = np.frombuffer(data, "<u2" if little_endian else ">u2") if isinstance(data, bytes) else np.asarray(data)
    if entries.size * 2 == length + length % 2:  # two in a word
        entries = entries.astype("<u2").view(np.uint8)
    if not 1 <= length <= entries.size:
        raise ValueError(f"{entries.size} entries of a VOI LUT, {length} declared")
    chosen = entries[np.clip(np.rint(greys).astype(np.int64) - first, 0, length - 1)]
    return _stretch(chosen.astype(np.float64), 0.0, float((1 << bits) - 1))


def _shows(shown: Greys, greys: Greys, counts: NDArray[np.intp]) -> bool:
    """Return True if a picture is left: not black, not white, not of two levels if the pixels hold more."""
    if np.ptp(greys) == 0:
        return True
    lit = counts * (greys > greys.min())
    lost = max(lit[shown < 0.5].sum(), lit[shown > 254.5].sum()) / lit.sum()
    levels = np.unique(np.floor(shown)).size
    return bool(np.ptp(shown) >= FEWEST_GREYS and levels >= min(3, greys.size) and lost <= LOST)


def _range(greys: Greys, counts: NDArray[np.intp]) -> tuple[float, float]:
    """Return the lowest and highest value; if a few exceed all others by far, the 99th percentile of lit pixels."""
    low, high = float(greys.min()), float(greys.max())
    order = np.argsort(greys)
    lit = np.where(greys > low, counts, 0)[order].cumsum()
    most = float(greys[order][np.searchsorted(lit, 0.99 * lit[-1])]) if lit[-1] else high
    return low, most if low < most < low + (high - low) / GLARE else high


def _stretch(greys: Greys, low: float, high: float) -> Greys:
    return np.clip((greys - low) / max(high - low, 1e-9), 0.0, 1.0) * 255.0
