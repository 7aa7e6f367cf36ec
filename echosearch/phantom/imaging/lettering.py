"""Burnt-in lettering: what machines write into their pictures, where, and the pixels that it covers.

It is for measuring masks. "above": over the fan, outside the ultrasound region. "corner": within the region's box,
outside the fan. "fan": on the tissue itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from echosearch.clip import Uint8
from echosearch.phantom.imaging.ultrasound import sector_frame
from echosearch.phantom.patients.history import PhantomStudy

__all__ = ["PLACES", "Lettering", "burn", "lettering_pixels", "plan_lettering"]

PLACES = ("above", "corner", "fan")
FONT = cv2.FONT_HERSHEY_PLAIN
WHITE, YELLOW = (230, 230, 230), (230, 220, 90)


@dataclass(frozen=True)
class Lettering:
    """One line of text in every frame of a cine. It covers pixels of [x0, x1) and [y0, y1)."""

    place: str  # of PLACES
    text: str
    x0: int
    y0: int
    x1: int
    y1: int
    size: float  # of the font
    color: tuple[int, int, int]


def plan_lettering(study: PhantomStudy, rows: int, columns: int) -> tuple[Lettering, ...]:
    """Return the lines of a study's cines: name, ids and dates in each kind of place.

    A line that does not fit is made smaller, and left out if it would be less than half as large.
    """
    return tuple(line for line in _lines(study, rows, columns) if line is not None)


def _lines(study: PhantomStudy, rows: int, columns: int) -> Iterator[Lettering | None]:
    who, half = study.who, study.look.half_angle
    name = who.name[0].replace("^", " ").upper() if who else "PHANTOM SYNTHETIC"
    number = who.patient_id if who else f"PHANTOM-{study.patient:04d}"
    born = f"{who.birth_date:%Y/%m/%d}" if who else "1950/01/01"
    day = f"{study.study_date:%d/%m/%Y}"
    middle, apex, scale = sector_frame(rows, columns, half)
    reach = scale * np.sin(np.radians(half))
    left, right, bottom = round(middle - reach) + 2, round(middle + reach) - 2, round(apex + scale)
    nothing, fan = np.zeros((rows, columns), np.uint8), _fan(rows, columns, half)
    nothing[round(apex) :] = 255  # "above" ends above the region's box
    for place, text, x, y, side, free_of in (
        ("above", f"{name}  {number}", columns // 4, 0, "left", nothing),
        ("corner", name, left, rows // 9, "left", fan),
        ("corner", day, right, rows // 12, "right", fan),
        ("corner", number, right, rows // 12 + rows // 22, "right", fan),
        ("corner", born, left, bottom, "left", fan),
        ("corner", number, right, bottom, "right", fan),
        ("fan", name, round(middle), round(apex + 0.42 * scale), "middle", None),
        ("fan", f"{number} {day}", round(middle), round(apex + 0.74 * scale), "middle", None),
    ):
        yield _fitted(Lettering(place, text, x, y, x, y, 0, YELLOW if text == day else WHITE), side, rows, free_of)


def _fitted(line: Lettering, side: str, rows: int, free_of: Uint8 | None) -> Lettering | None:
    """Return the line, its upper end at its point or its lower end at the last row, in the largest size that fits."""
    for size in np.arange(0.7, 0.29, -0.05) * rows / 240:
        (width, height), _ = cv2.getTextSize(line.text, FONT, float(size), _thickness(rows))
        around = _thickness(rows)  # a stroke is as much wider than its line
        width, height = width + 2 * around, height + 2 * around
        x = {"left": line.x0, "right": line.x0 - width, "middle": line.x0 - width // 2}[side]
        y = min(line.y0, round(rows * 0.98) - height)
        fitted = replace(line, x0=x, y0=y, x1=x + width, y1=y + height, size=float(size))
        if free_of is None or not free_of[fitted.y0 : fitted.y1, fitted.x0 : fitted.x1].any():
            return fitted
    return None


def _thickness(rows: int) -> int:
    return max(1, rows // 300)


def _fan(rows: int, columns: int, half_angle: float) -> Uint8:
    """Return (rows, columns), 255 within the fan and 3 pixels around it."""
    x0, y0, scale = sector_frame(rows, columns, half_angle)
    angles = np.radians(np.linspace(-half_angle, half_angle, 64))
    arc = np.stack((x0 + scale * np.sin(angles), y0 + scale * np.cos(angles)), axis=1)
    drawn = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(drawn, [np.round(np.vstack(([x0, y0], arc))).astype(np.int32)], 255)
    return np.asarray(cv2.dilate(drawn, np.ones((7, 7), np.uint8)), np.uint8)


def lettering_pixels(lines: Sequence[Lettering], rows: int, columns: int) -> Uint8:
    """Return how far these lines cover each pixel: (rows, columns) uint8, 0 to 255."""
    drawn = np.zeros((rows, columns), np.uint8)
    for line in lines:
        _draw(drawn, line, (255,))
    return drawn


def burn(pixels: Uint8, lines: Sequence[Lettering]) -> None:
    """Write the lines into every frame of (T, H, W, 3) uint8 RGB."""
    for frame in pixels:
        for line in lines:
            _draw(frame, line, line.color)


def _draw(picture: Uint8, line: Lettering, color: tuple[int, ...]) -> None:
    thickness = _thickness(picture.shape[0])
    start = (line.x0 + thickness, line.y1 - 2 * thickness)  # a slash goes below the line
    cv2.putText(picture, line.text, start, FONT, line.size, color, thickness, cv2.LINE_AA)
