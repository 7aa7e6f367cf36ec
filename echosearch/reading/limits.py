"""Limit what a file may ask for, before any of it is decoded: a header can claim any size."""

from __future__ import annotations

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason

__all__ = [
    "MAX_DEFERRED",
    "MAX_FILE_BYTES",
    "MAX_FRAMES",
    "MAX_MASK_BYTES",
    "MAX_PIXEL_BYTES",
    "MAX_REPORT_BYTES",
    "MAX_SEGMENTATION_HEADER",
    "MAX_SIDE",
    "check_size",
]

MAX_SIDE = 4096  # rows, columns
MAX_FRAMES = 3000
MAX_PIXEL_BYTES = 2 * 1024**3  # rows * columns * frames * 3, decoded
MAX_FILE_BYTES = 2 * 1024**3
MAX_DEFERRED = 1024 * 1024  # header elements above this size are stepped over, not read
MAX_REPORT_BYTES = 4 * 1024**2  # of a structured report that is looked into
MAX_SEGMENTATION_HEADER = 32 * 1024**2  # of an element: each frame of a mask has a kilobyte of it
MAX_MASK_BYTES = 256 * 1024**2  # of masks of one cine, one byte a pixel


def check_size(rows: int, columns: int, n_frames: int) -> None:
    """Raise FileRefused(TOO_LARGE or BAD_HEADER) for dimensions that will not be decoded."""
    if rows < 1 or columns < 1:
        raise FileRefused(Quarantined(Reason.BAD_HEADER, f"{rows} rows x {columns} columns, both must be at least 1"))
    if rows > MAX_SIDE or columns > MAX_SIDE:
        raise FileRefused(Quarantined(Reason.TOO_LARGE, f"{rows} rows x {columns} columns, limit {MAX_SIDE}"))
    if n_frames > MAX_FRAMES:
        raise FileRefused(Quarantined(Reason.TOO_LARGE, f"{n_frames} frames, limit {MAX_FRAMES}"))
    if rows * columns * n_frames * 3 > MAX_PIXEL_BYTES:
        raise FileRefused(
            Quarantined(
                Reason.TOO_LARGE, f"{rows} x {columns} x {n_frames} frames x 3 is above {MAX_PIXEL_BYTES} bytes"
            )
        )
