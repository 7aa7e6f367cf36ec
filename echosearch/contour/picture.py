"""Draw end-diastole and end-systole of a cine, side by side, with their contours."""

from __future__ import annotations

import cv2
import numpy as np

from echosearch.clip import Uint8
from echosearch.contour.values import Contours, Floats

__all__ = ["draw_ends"]

HEIGHT, STRIP = 420, 24  # pixels of a frame, and of the line under it
LINE, INK, WARNING = (255, 214, 64), (235, 235, 235), (255, 150, 120)


def draw_ends(frames: Uint8, made: Contours) -> bytes:
    """Return a PNG of the first beat: ``frames`` are its ED and ES, (2, H, W, 3) uint8 RGB within the box.

    Raises ValueError if there is no beat.
    """
    if not made.beats or made.outlines is None or made.figure is None:
        raise ValueError("no beat to draw")
    beat = made.beats[0]
    tiles = [
        _tile(frame, made.outlines[at], f"{name}  frame {at + 1}")
        for frame, at, name in zip(frames, (beat.ed, beat.es), ("ED", "ES"), strict=True)
    ]
    both = np.hstack(tiles)
    foot = np.zeros((STRIP, both.shape[1], 3), np.uint8)
    drawn_by = "imported from DICOM SEG" if made.head is None else f"{made.head.name} {made.head.version}"
    said = f"{made.view}  EF {made.figure.ef:.0f} %  {drawn_by}"
    _write(foot, said, INK)
    lines = [both, foot]
    if made.head is not None and made.head.phantom_only:
        lines.append(np.zeros_like(foot))
        _write(lines[-1], "trained on phantoms alone: proves nothing on patients", WARNING)
    done, png = cv2.imencode(".png", cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR))
    assert done
    return bytes(png)


def _tile(frame: Uint8, outline: Floats, name: str) -> Uint8:
    scale = HEIGHT / frame.shape[0]
    width = max(round(frame.shape[1] * scale), 1)
    tile = np.zeros((HEIGHT + STRIP, width, 3), np.uint8)
    tile[:HEIGHT] = cv2.resize(frame, (width, HEIGHT), interpolation=cv2.INTER_LINEAR)
    if not np.isnan(outline).any():
        corners = np.round(outline * np.array([width, HEIGHT]) * 16).astype(np.int32)
        cv2.polylines(tile, [corners], True, LINE, 2, cv2.LINE_AA, 4)
    _write(tile[HEIGHT:], name, INK)
    return tile


def _write(strip: Uint8, words: str, colour: tuple[int, int, int]) -> None:
    cv2.putText(strip, words, (6, STRIP - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
