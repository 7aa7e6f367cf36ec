"""Colour Doppler over a beam image: speed towards the probe red, away blue, aliasing and mosaic in fast jets."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from echosearch.clip import Uint8
from echosearch.phantom.heart.cycle import Floats
from echosearch.phantom.imaging.ultrasound import BEAMS, DEPTHS, Sector, beam_points
from echosearch.phantom.planes.scene import Scene, Stream

__all__ = ["ColorFlow", "box_outline", "color_box", "color_table"]

_SHIFT = 4
_BLOOD_BELOW = 78  # echo level above which the machine shows tissue, not flow


@lru_cache(maxsize=4)
def color_table(which: int) -> Uint8:
    """Return (256, 3) RGB for speeds from -1 (away, blue) to 1 (towards, red) in units of the aliasing speed."""
    speed = np.linspace(-1.0, 1.0, 256)
    fast = np.abs(speed)
    main = 70 + 185 * np.sqrt(fast)
    second = np.clip((fast - (0.45 if which == 0 else 0.6)) / 0.55, 0, 1) * (225 if which == 0 else 170)
    red = np.where(speed > 0, main, 0)
    blue = np.where(speed < 0, main, 0)
    return np.stack((red, second, blue), axis=1).clip(0, 255).astype(np.uint8)


class ColorFlow:
    """The colour overlay of one cine, frame by frame."""

    def __init__(self, scene: Scene, sector: Sector, which_map: int, rng: np.random.Generator) -> None:
        self._streams = [(s, beam_points(_plume(s), sector), _towards(s)) for s in scene.streams]
        self._table = color_table(which_map)
        self._rng = rng
        tile = rng.normal(size=(DEPTHS * 2, BEAMS * 2)).astype(np.float32)
        self._grain = cv2.GaussianBlur(tile, (0, 0), sigmaX=1.1, sigmaY=1.2) * 3.4
        self.box = color_box(scene, sector)  # (top, bottom, left, right) of the beam image

    def frame(self, t: int, levels: Uint8) -> tuple[Uint8, Uint8]:
        """Return colours (DEPTHS, BEAMS, 3) and their mask (DEPTHS, BEAMS), 0 or 255."""
        top, bottom, left, right = self.box
        inside = np.s_[top:bottom, left:right]
        speed = np.zeros((bottom - top, right - left), np.float32)
        chaos = np.zeros_like(speed)
        plume = np.empty((DEPTHS, BEAMS), np.uint8)
        for stream, outline, towards in self._streams:
            now = float(stream.speed[t])
            if abs(now) < 0.05:
                continue
            plume[:] = 0
            cv2.fillPoly(plume, [outline[t]], 255, cv2.LINE_8, _SHIFT)
            edge = 2.0 if stream.turbulence > 0.1 else 4.0  # a laminar stream is slow at its rim
            soft = np.asarray(cv2.GaussianBlur(plume[inside], (0, 0), sigmaX=edge, sigmaY=edge * 1.2), np.float32)
            soft *= 1 / 255.0
            speed *= 1.0 - soft * min(stream.turbulence + 0.4, 1.0)
            speed += soft * np.float32(now * float(towards[t]))
            np.maximum(chaos, soft * np.float32(stream.turbulence * min(now, 1.0)), out=chaos)
        row, column = self._rng.integers(DEPTHS), self._rng.integers(BEAMS)
        grain = self._grain[row : row + bottom - top, column : column + right - left]
        strength = np.abs(speed) + 0.9 * chaos + 0.06 * grain
        shown = np.zeros((DEPTHS, BEAMS), np.uint8)
        shown[inside] = 255 * ((strength > 0.16) & (levels[inside] < _BLOOD_BELOW))
        speed += (0.07 + 0.85 * chaos) * grain
        speed += 1.0
        wrapped = np.mod(speed, 2.0)  # beyond the aliasing speed the colour turns over
        wrapped = np.where(chaos > 0.15, wrapped, np.clip(speed, 0.0, 1.999))
        paint = self._table[(wrapped * 127.5).astype(np.uint8)]
        green = (chaos * (95.0 + 60.0 * grain)).clip(0, 200).astype(np.uint8)
        paint[..., 1] = cv2.add(paint[..., 1], green)  # variance is shown as green
        colors = np.zeros((DEPTHS, BEAMS, 3), np.uint8)
        colors[inside] = paint
        return colors, shown


def _plume(stream: Stream) -> Floats:
    """Outline of a stream: a neck at the origin that widens to a round head. (T, N, 2)."""
    u = np.concatenate((np.linspace(0.0, 0.8, 6), 0.8 + 0.2 * np.sin(np.linspace(0.15, np.pi / 2, 6))))
    widen = stream.neck + (1.0 - stream.neck) * np.clip(u / 0.55, 0, 1) ** 0.8
    head = np.sqrt(np.clip(1.0 - (np.clip(u - 0.7, 0, None) / 0.3) ** 2, 0.0, 1.0))
    half = stream.width[:, None] / 2 * (widen * head)[None]
    along = stream.origin[:, None] + stream.heading[:, None] * (stream.length[:, None] * u[None])[..., None]
    aside = np.stack((-stream.heading[:, 1], stream.heading[:, 0]), axis=1)[:, None] * half[..., None]
    return np.concatenate((along + aside, (along - aside)[:, ::-1]), axis=1)


def _towards(stream: Stream) -> Floats:
    """What the beam sees of the speed, (T,): 1 towards the probe, -1 away; never quite 0, flow is seldom all across."""
    middle = stream.origin + stream.heading * stream.length[:, None] / 2
    beam = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    cosine = -(beam * stream.heading).sum(axis=1)
    seen: Floats = np.where(cosine >= 0, np.maximum(cosine, 0.45), np.minimum(cosine, -0.45))
    return seen


def color_box(scene: Scene, sector: Sector) -> tuple[int, int, int, int]:
    centre, half_width, half_height = scene.box
    middle = centre.mean(axis=0)
    radius, angle = float(np.hypot(*middle)), float(np.arctan2(middle[0], middle[1]))
    opening = half_width / radius
    to_row, to_column = DEPTHS / sector.depth, (BEAMS - 1) / 2 / sector.radians
    rows = np.clip([(radius - half_height) * to_row, (radius + half_height) * to_row], 4, DEPTHS - 3)
    columns = np.clip(
        [(angle - opening + sector.radians) * to_column, (angle + opening + sector.radians) * to_column], 2, BEAMS - 3
    )
    return int(rows[0]), int(rows[1]), int(columns[0]), int(columns[1])


def box_outline(box: tuple[int, int, int, int], sector: Sector) -> NDArray[np.float64]:
    """Return the colour box as a line in units of the full depth, (N, 2)."""
    top, bottom, left, right = box
    columns = np.linspace(left, right, 16)
    path = [(c, top) for c in columns] + [(c, bottom) for c in columns[::-1]] + [(left, top)]
    beams = np.array(path)
    angle = (beams[:, 0] / (BEAMS - 1) * 2 - 1) * sector.radians
    radius = (beams[:, 1] + 0.5) / DEPTHS
    return np.stack((radius * np.sin(angle), radius * np.cos(angle)), axis=1)
