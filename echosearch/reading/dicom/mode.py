"""What a clip shows: B-mode, colour, spectral, M-mode, dual; from its regions, its colour flag and its pixels.

docs/dicom.md has the rule as a table. First match wins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echosearch.clip import Uint8
from echosearch.video import COLOUR_FLOW, TISSUE, TWO_D, Mode, Region

__all__ = ["mode_of_pixels", "mode_of_regions"]

M_MODE, SPECTRAL = 2, 3  # RegionSpatialFormat (0018,6012)
PW, CW = 3, 4  # RegionDataType (0018,6014)

COLOUR_SPREAD = 40  # max - min of a pixel's channels above which it is coloured
COLOUR_SHARE = 0.005  # of the sector
JET_FRAMES = 3  # those with most colour count: a jet is not in every frame
SWING = 80  # of red less blue, from frame to frame, that flow has; asked for where boxes speak against flow
TINTED = 0.6  # of the sector: flow has a part of it, a map of several hues colours nearly all
STEADY_HUE = 0.98  # share of coloured pixels that may be a tint, a logo, a colour bar: coloured in every frame alike
GREEN = 1  # where red, green and blue are 0, 1, 2: flow is red and blue, an ECG is green
DARK = 12  # what never gets brighter is outside the sector


def mode_of_regions(regions: Sequence[Region]) -> Mode | None:
    """Return the mode that the regions state; None if no region describes a picture."""
    if any(box.spatial_format == SPECTRAL or box.data_type in (PW, CW) for box in regions):
        return Mode.SPECTRAL
    if any(box.spatial_format == M_MODE for box in regions):
        return Mode.MMODE
    if any(box.data_type == COLOUR_FLOW for box in regions):
        return Mode.COLOR
    tissue = sum(box.spatial_format == TWO_D and box.data_type == TISSUE for box in regions)
    if tissue:
        return Mode.DUAL if tissue > 1 else Mode.BMODE
    return None


def mode_of_pixels(frames: Sequence[Uint8], regions: Sequence[Region] = ()) -> Mode:
    """Return B-mode or colour from a few frames (H, W, 3); UNKNOWN for fewer than three frames or an empty picture.

    A colour-flow box has patches that change colour or hue from frame to frame. A tinted map, a colour bar and text
    keep their hue, a moving ECG is thin or green, and ``regions`` without tissue or flow are no picture: none of these
    counts.
    """
    if len(frames) < 3:
        return Mode.UNKNOWN
    # a channel at a time, contiguous: reducing over an axis of three costs ten times as much
    red, green, blue = (
        np.stack([frame[::2, ::2, channel] for frame in frames]) for channel in range(3)
    )  # (T, H/2, W/2)
    top = np.maximum(np.maximum(red, green), blue)
    sector = (top.max(axis=0) > DARK) & _picture(top.shape[1:], regions)
    if not sector.any():
        return Mode.UNKNOWN
    coloured = top - np.minimum(np.minimum(red, green), blue) > COLOUR_SPREAD
    if not coloured.any():
        return Mode.BMODE
    hue = np.where(red == top, np.uint8(0), np.where(green == top, np.uint8(1), np.uint8(2)))
    if _is_tint(hue, coloured) or (coloured & sector).sum(axis=(1, 2)).mean() > TINTED * sector.sum():
        return Mode.BMODE
    steady = coloured.all(axis=0) & (hue == hue[0]).all(axis=0)
    changing = coloured & ~steady & sector & (hue != GREEN)
    if regions:
        balance = red.astype(np.int16) - blue
        changing &= np.ptp(balance, axis=0) > SWING
    patches = changing[:, 1:, 1:] & changing[:, :-1, 1:] & changing[:, 1:, :-1] & changing[:, :-1, :-1]
    most = np.sort(patches.sum(axis=(1, 2)))[-JET_FRAMES:]
    return Mode.COLOR if most.mean() / sector.sum() > COLOUR_SHARE else Mode.BMODE


def _picture(shape: tuple[int, ...], regions: Sequence[Region]) -> NDArray[np.bool_]:
    """Return a mask of tissue and flow at every second row and column; all True if no box states a place."""
    shown = [box for box in regions if box.data_type in (TISSUE, COLOUR_FLOW)]
    inside = np.full(shape, not shown)
    for box in shown:
        inside[_halved(box)] = True
    for box in regions:
        if box.data_type not in (0, TISSUE, COLOUR_FLOW):
            inside[_halved(box)] = False
    return inside


def _halved(box: Region) -> tuple[slice, slice]:
    return slice(box.y0 // 2, -(-box.y1 // 2)), slice(box.x0 // 2, -(-box.x1 // 2))


def _is_tint(hue: Uint8, coloured: NDArray[np.bool_]) -> bool:
    """One hue for all coloured pixels of all frames: a tinted grey map (sepia, blue), not flow."""
    shares = np.bincount(hue[coloured], minlength=3) / coloured.sum()
    whole = coloured.sum() / coloured.size
    return bool(shares.max() > STEADY_HUE and whole > 0.05)
