"""Find the whole beats in the curve of the cavity's area over a cine."""

from __future__ import annotations

import numpy as np

from echosearch.contour.values import Floats, FoundBeat

__all__ = ["LEAST_CHANGE", "find_beats", "smoothed"]

SMOOTH_SECONDS = 0.03  # standard deviation
LEAST_CHANGE = 0.04  # of the area: what it changes by in a beat
SYSTOLE, DIASTOLE = 0.4, 0.6  # of the way from the smallest to the largest area
AT_THE_EDGE = 0.9  # of that way: a cine that begins so large begins at end-diastole


def smoothed(curve: Floats, frame_seconds: float | None) -> Floats:
    """Return the curve (T,) without its flicker from frame to frame; gaps (NaN) are bridged."""
    known = np.flatnonzero(np.isfinite(curve))
    whole = np.interp(np.arange(len(curve)), known, curve[known])
    sigma = min(max(SMOOTH_SECONDS / frame_seconds, 0.7), 8.0) if frame_seconds else 1.0
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(whole, reach, mode="edge")
    even: Floats = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return even


def find_beats(areas: Floats, frame_seconds: float | None = None) -> tuple[FoundBeat, ...]:
    """Return the beats that a cine holds from end-diastole beyond end-systole, from its areas (T,).

    A systole is where the area is in the lower 40 % of its range, up to where it is above 60 % again: the small steps
    of diastole begin no other beat. A systole that the cine's end cuts is no beat; nor is one whose end-diastole was
    before the cine's begin. An empty result also if the area changes by less than 4 %.
    """
    if np.isfinite(areas).sum() < 5:
        return ()
    curve = smoothed(areas, frame_seconds)
    low, high = np.percentile(curve, (2, 98))
    if high - low < LEAST_CHANGE * high:
        return ()
    level = (curve - low) / (high - low)
    beats: list[FoundBeat] = []
    after = 0  # where the diastole before a systole begins
    for begin, end in _systoles(level):
        es = begin + int(np.argmin(level[begin:end]))
        if begin > after and end < len(level):
            ed = after + int(np.argmax(level[after:begin]))
            if level[ed] > DIASTOLE and (ed > 0 or level[0] >= AT_THE_EDGE):
                beats.append(FoundBeat(ed, es))
        after = end
    return tuple(beats)


def _systoles(level: Floats) -> list[tuple[int, int]]:
    """Return [begin, end) of each run below SYSTOLE that lasts until the level is above DIASTOLE."""
    found, begin = [], None
    for frame, height in enumerate(level):
        if begin is None and height < SYSTOLE:
            begin = frame
        elif begin is not None and height > DIASTOLE:
            found.append((begin, frame))
            begin = None
    return found if begin is None else [*found, (begin, len(level))]
