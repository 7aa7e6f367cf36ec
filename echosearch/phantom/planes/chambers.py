"""Parts that several cuts through the heart share: the ventricle's outline, atria, pericardium, effusion, leads.

Heart coordinates: the ventricle's outer apex at (0, 0), y towards the base, x to the right of the image; cm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from echosearch.phantom.heart.anatomy import Anatomy, HeartSize
from echosearch.phantom.heart.cycle import Floats, early_notch
from echosearch.phantom.heart.features import Features
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.heart.ventricle import lv_surface
from echosearch.phantom.planes.scene import GreyLevel, Shape, band, disc, offset, polygon

__all__ = ["Beat", "Outline", "atrium", "grown", "lead", "lv_outline", "pericardium", "roughness"]


@dataclass(frozen=True, eq=False)
class Beat:
    """One study's heart over the frames of a cine: phase (T,) in cycles."""

    anatomy: Anatomy
    findings: Findings
    size: HeartSize
    phase: Floats
    features: Features = field(default_factory=Features)
    inward: Floats | None = None  # (T,) the septum's own motion, 0 to 1 (features.bounce); None: it has none

    @property
    def frames(self) -> int:
        return len(self.phase)


@dataclass(frozen=True, eq=False)
class Outline:
    """The ventricle cut along its axis: both lines run from the left hinge over the apex to the right hinge."""

    inner: Floats  # (T, N, 2)
    outer: Floats  # (T, N, 2)
    n_left: int  # points of the left wall, apex included

    @property
    def left_hinge(self) -> Floats:
        hinge: Floats = self.inner[:, 0]
        return hinge

    @property
    def right_hinge(self) -> Floats:
        hinge: Floats = self.inner[:, -1]
        return hinge


def roughness(seed: int, n: int, scale: float) -> Floats:
    """Return trabeculae: a smooth random line (n,), always the same for a patient."""
    rng = np.random.default_rng([seed, n])
    rough = np.convolve(rng.normal(size=n + 4), [0.1, 0.25, 0.3, 0.25, 0.1], mode="valid")
    line: Floats = scale * rough
    return line


def lv_outline(beat: Beat, left: float, right: float) -> Outline:
    """Cut through the walls at ``left`` and ``right`` (phi in degrees)."""
    z = np.sin(np.linspace(0.0, np.pi / 2, 22))
    cut = lv_surface(beat.size, beat.findings, beat.phase, z, np.array([left, right]))
    tip = cut.wall[:, -1].mean(axis=1)  # (T,)
    y = tip[:, None] + cut.length[:, None] * (1.0 - z)[None]
    # a dyssynchronous ventricle rocks at its apex
    rock = 0.09 * beat.findings.dyssynchrony * early_notch(beat.phase)[:, None] * (z**1.5)[None]
    seed = beat.anatomy.wobble_seed
    x_left = -cut.radius[:, :, 0] * (1 + roughness(seed + int(left), len(z), 0.07)) + rock
    x_right = cut.radius[:, :, 1] * (1 + roughness(seed + int(right), len(z), 0.07)) + rock
    x_left[:, -1] = x_right[:, -1] = rock[:, -1]
    wall_left = np.stack((x_left, y), axis=2)
    wall_right = np.stack((x_right, y), axis=2)
    inner = np.concatenate((wall_left, wall_right[:, -2::-1]), axis=1)
    thickness = np.concatenate((cut.wall[:, :, 0], cut.wall[:, -2::-1, 1]), axis=1)
    return Outline(inner=inner, outer=offset(inner, thickness), n_left=len(z))


def atrium(
    first: Floats, second: Floats, centre_x: Floats | float, radius: float, floor: Floats | float
) -> list[Floats]:
    """Return cavity outlines from two hinges (T, 2) to a floor (y): a neck below the valve and a round body."""
    top = (first[:, 1] + second[:, 1]) / 2
    half = (floor - top) / 2
    centre = np.stack((np.broadcast_to(centre_x, top.shape), top + half), axis=1)
    swell = radius * (1.0 + 0.12 * (half / half.mean() - 1.0) * 3.0)
    body = disc(centre, swell, half * 1.02, n=40)
    neck = polygon(
        first,
        second,
        centre + np.stack((swell * 0.97, half * 0), axis=1),
        centre - np.stack((swell * 0.97, half * 0), axis=1),
    )
    return [body, neck]


def grown(outline: Floats, margin: float) -> Floats:
    """Move a closed outline (T, N, 2) outwards from its middle by a margin."""
    middle = outline.mean(axis=1, keepdims=True)
    away = outline - middle
    larger: Floats = outline + away / np.maximum(np.linalg.norm(away, axis=2, keepdims=True), 1e-9) * margin
    return larger


def pericardium(beat: Beat, outers: list[Floats], fluid_share: float = 1.0) -> list[Shape]:
    """Return the bright sac around closed outlines (T, N, 2) and, beneath them, an effusion if there is one.

    The sac stays where it is at end-diastole; the heart shrinks away from it.
    """
    fluid = beat.size.effusion * fluid_share
    rest = int(np.argmax([abs(np.ptp(outers[0][t, :, 0])) for t in range(beat.frames)]))  # widest: end-diastole
    sac, wet = [], []
    for outer in outers:
        base = np.repeat(outer[rest : rest + 1], beat.frames, axis=0) if fluid > 0 else outer
        sac.append(Shape(grown(base, fluid + 0.20), GreyLevel.PERICARDIUM))
        if fluid > 0:
            wet.append(Shape(grown(base, fluid), GreyLevel.FLUID, moves=False))
    return sac + wet


def lead(line: Floats) -> list[Shape]:
    """Return a pacing lead along (T, N, 2): a very bright line with a fainter echo of itself behind."""
    ghost = line + np.array([0.0, 0.42])
    return [Shape(band(ghost, 0.10), 122.0, moves=False), Shape(band(line, 0.20), GreyLevel.METAL, shadow=16.0)]
