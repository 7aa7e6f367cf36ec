"""The contents of a scan plane over time: filled outlines with a brightness, and streams of blood.

Points are (T, N, 2) in cm. A scene is built in the heart's own coordinates (x lateral, y from the apex towards the
base) and then placed: turned, shifted, seen from the probe at (0, 0) with y pointing away from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from echosearch.phantom.heart.cycle import Floats

__all__ = [
    "GreyLevel",
    "Scene",
    "Shape",
    "Stream",
    "band",
    "bezier",
    "disc",
    "offset",
    "place",
    "point",
    "polygon",
    "stretched",
]


class GreyLevel:
    """Grey levels before speckle: 255 is 60 dB."""

    BLOOD = 10.0
    FLUID = 2.0
    FAT = 118.0
    TISSUE = 62.0
    LIVER = 104.0
    WALL = 104.0
    MUSCLE = 106.0
    VALVE = 150.0
    FIBROUS = 160.0
    CALCIUM = 215.0
    PERICARDIUM = 160.0
    METAL = 250.0


@dataclass(frozen=True)
class Shape:
    """A filled outline; later shapes cover earlier ones."""

    points: Floats  # (T, N, 2)
    level: float
    shadow: float = 0.0  # grey levels subtracted behind it (metal, calcium)
    moves: bool = True  # whether the speckle follows its outline
    lv: bool = False  # whether it is the left ventricle's cavity, from hinge over apex to hinge


@dataclass(frozen=True)
class Stream:
    """Moving blood as a colour map shows it: a plume from ``origin`` along ``heading``."""

    origin: Floats  # (T, 2)
    heading: Floats  # (T, 2), unit vectors
    length: Floats  # (T,) cm
    width: Floats  # (T,) cm, at the far end
    speed: Floats  # (T,) in units of the aliasing speed; 0 draws nothing, below 0 it flows against the heading
    turbulence: float = 0.0  # 0 laminar, 1 mosaic
    neck: float = 0.25  # width at the origin as a share of ``width``


@dataclass(frozen=True)
class Scene:
    shapes: tuple[Shape, ...]
    streams: tuple[Stream, ...]
    box: tuple[Floats, float, float]  # colour box: centre (T, 2), half width, half height; cm

    @property
    def lv(self) -> Floats | None:
        """The left ventricle's cavity, (T, N, 2) in cm; None where the plane does not cut it lengthwise."""
        return next((shape.points for shape in self.shapes if shape.lv), None)


def point(x: Floats | float, y: Floats | float, frames: int) -> Floats:
    """Return (T, 2) from coordinates that may be constant."""
    out = np.empty((frames, 2))
    out[:, 0], out[:, 1] = x, y
    return out


def polygon(*points: Floats) -> Floats:
    """Join corner points (T, 2) each into (T, N, 2)."""
    return np.stack(points, axis=1)


def disc(centre: Floats, rx: Floats | float, ry: Floats | float | None = None, n: int = 28) -> Floats:
    """Return an ellipse around centre (T, 2) as (T, n, 2); radii constant or (T,)."""
    ry = rx if ry is None else ry
    angle = np.linspace(0.0, 2 * np.pi, n, endpoint=False)
    ring = np.empty((len(centre), n, 2))
    ring[..., 0] = centre[:, None, 0] + np.multiply.outer(np.broadcast_to(rx, (len(centre),)), np.cos(angle))
    ring[..., 1] = centre[:, None, 1] + np.multiply.outer(np.broadcast_to(ry, (len(centre),)), np.sin(angle))
    return ring


def offset(line: Floats, distance: Floats | float) -> Floats:
    """Move a line sideways, to the left along its direction, by a distance, constant or (T, N)."""
    along = np.gradient(line, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
    normal = np.stack((along[..., 1], -along[..., 0]), axis=2)
    moved: Floats = line + normal * np.broadcast_to(distance, line.shape[:2])[..., None]
    return moved


def band(line: Floats, thickness: Floats | float) -> Floats:
    """Return the outline of a line drawn with a thickness in cm, constant or (T, N)."""
    half = np.asarray(thickness) / 2.0
    return np.concatenate((offset(line, half), offset(line, -half)[:, ::-1]), axis=1)


def bezier(start: Floats, control: Floats, end: Floats, n: int = 8) -> Floats:
    """Return a quadratic curve through two points (T, 2), bent towards a third, as (T, n, 2)."""
    t = np.linspace(0.0, 1.0, n)[None, :, None]
    curve: Floats = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * control[:, None] + t**2 * end[:, None]
    return curve


def place(scene: Scene, angle: float, shift: Floats) -> Scene:
    """Turn a scene by ``angle`` (radians, clockwise on the screen) around (0, 0), then shift it by (T, 2)."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]])  # row vectors: (x, y) @ turn

    def points(p: Floats) -> Floats:
        moved: Floats = p @ turn + (shift[:, None] if p.ndim == 3 else shift)
        return moved

    return _mapped(scene, points, lambda v: v @ turn)


def stretched(scene: Scene, across: Floats, along: Floats) -> Scene:
    """Scale a scene in x by ``across`` and in y by ``along``, (T,) each."""
    factor = np.stack((across, along), axis=1)  # (T, 2)

    def points(p: Floats) -> Floats:
        moved: Floats = p * (factor[:, None] if p.ndim == 3 else factor)
        return moved

    def headings(v: Floats) -> Floats:
        turned = v * factor
        unit: Floats = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        return unit

    return _mapped(scene, points, headings)


def _mapped(scene: Scene, points: Callable[[Floats], Floats], headings: Callable[[Floats], Floats]) -> Scene:
    centre, half_width, half_height = scene.box
    return Scene(
        shapes=tuple(replace(shape, points=points(shape.points)) for shape in scene.shapes),
        streams=tuple(replace(s, origin=points(s.origin), heading=headings(s.heading)) for s in scene.streams),
        box=(points(centre), half_width, half_height),
    )
