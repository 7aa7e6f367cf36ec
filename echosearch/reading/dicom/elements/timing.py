"""Read the time between two frames in seconds, and the attribute that states it."""

from __future__ import annotations

from itertools import accumulate
from statistics import median

from pydicom.dataset import Dataset

from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS
from echosearch.reading.dicom.elements.values import first_number, numbers

__all__ = ["MAX_FPS", "MIN_FPS", "Timing", "frame_times", "frame_timing"]

MIN_FPS, MAX_FPS = 5.0, 300.0
POINTED = {0x00181063: "FrameTime", 0x00181065: "FrameTimeVector"}  # what FrameIncrementPointer may name

MAX_STEP = 10_000.0  # ms between two frames of FrameTimeVector: a triggered cine waits for heartbeats

Timing = tuple[float | None, str | None]


def frame_timing(dataset: Dataset, n_frames: int) -> Timing:
    """Return (seconds, DICOM keyword); (None, None) if no attribute states a plausible time.

    FrameIncrementPointer (0028,0009) decides between FrameTime and FrameTimeVector (both ms); then
    CineRate, RecommendedDisplayFrameRate (a display rate), EffectiveDuration. 5 to 300 frames a second.
    """
    keywords = ["FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate", "EffectiveDuration"]
    pointed = _pointed(dataset)
    if pointed is not None:
        keywords.remove(pointed)
        keywords.insert(0, pointed)
    for keyword in keywords:
        seconds = _seconds(dataset, keyword, n_frames)
        if seconds is not None and 1.0 / MAX_FPS <= seconds <= 1.0 / MIN_FPS:
            return seconds, keyword
    return None, None


def frame_times(dataset: Dataset, n_frames: int) -> tuple[float, ...] | None:
    """Return when each frame is shown and when the last one ends, n_frames + 1 ascending seconds from 0; None: unknown.

    Each step of FrameTimeVector counts, if that is what states the time and all its steps are plausible.
    """
    seconds, keyword = frame_timing(dataset, n_frames)
    if seconds is None:
        return None
    if keyword == "FrameTimeVector":
        steps = numbers(dataset, keyword)[1:]
        if len(steps) == n_frames - 1 and all(0 < step <= MAX_STEP for step in steps):
            times = tuple(accumulate((step / 1000.0 for step in steps), initial=0.0))
            return (*times, times[-1] + seconds)
    return tuple(i * seconds for i in range(n_frames + 1))


def _seconds(dataset: Dataset, keyword: str, n_frames: int) -> float | None:
    match keyword:
        case "FrameTimeVector":
            steps = [step for step in numbers(dataset, keyword)[1:] if step > 0]  # the first is 0 by definition
            return median(steps) / 1000.0 if steps else None
        case "FrameTime":
            value = first_number(dataset, keyword)
            return value / 1000.0 if value is not None else None
        case "EffectiveDuration":  # seconds for the whole cine
            value = first_number(dataset, keyword)
            return value / n_frames if value is not None and n_frames else None
        case _:  # a rate
            value = first_number(dataset, keyword)
            return 1.0 / value if value is not None and value > 0 else None


def _pointed(dataset: Dataset) -> str | None:
    try:
        pointer = dataset.get("FrameIncrementPointer")
        first = pointer[0] if isinstance(pointer, (list, tuple)) or hasattr(pointer, "append") else pointer
        return POINTED.get(int(first)) if first is not None else None
    except VALUE_ERRORS:
        return None
