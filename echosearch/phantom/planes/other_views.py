"""Views that are none of the five: subcostal four chambers, inferior vena cava, aortic arch. Labelled "Other"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from echosearch.phantom.heart.cycle import aortic_opening, contraction
from echosearch.phantom.planes.chambers import Beat
from echosearch.phantom.planes.four_chamber import four_chamber
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape, Stream, band, bezier, disc, place, point
from echosearch.phantom.planes.valves import unit_direction

__all__ = ["aortic_arch", "subcostal", "vena_cava"]


def _liver(frames: int, bottom: float) -> list[Shape]:
    x = np.linspace(-9.0, 9.0, 13)
    edge = np.stack((x, bottom + 0.5 * np.sin(x * 0.4) + 0.10 * x), axis=1)
    outline = np.concatenate((edge, [[9.0, 0.1], [-9.0, 0.1]]))
    shapes = [Shape(np.repeat(outline[None], frames, axis=0), GreyLevel.LIVER)]
    for vx, vy, size in ((-2.2, 2.6, 0.35), (0.6, 3.3, 0.28), (-0.4, 1.8, 0.2)):
        vessel = bezier(
            point(vx - size * 3, vy + 0.4, frames), point(vx, vy - 0.2, frames), point(vx + size * 3, vy + 0.3, frames)
        )
        shapes.append(Shape(band(vessel, size), 20.0))
    return shapes


def subcostal(beat: Beat) -> Scene:
    """Return four chambers on their side under the liver: RV next to it, apex to the right."""
    heart = place(four_chamber(beat), 1.15, point(5.4, 8.6, beat.frames))
    return replace(heart, shapes=(*_liver(beat.frames, 5.2), *heart.shapes))


def vena_cava(beat: Beat) -> Scene:
    """Return the inferior vena cava behind the liver, running into the right atrium."""
    frames, f = beat.frames, beat.findings
    width = (1.5 + 0.28 * f.tr + 0.18 * f.ra_dilation) * (1 + 0.06 * contraction(beat.phase))
    left, right = point(-7.0, 7.4, frames), point(3.2, 7.0, frames)
    course = bezier(left, point(-2.0, 6.4, frames), right, 12)
    ra = disc(
        point(5.0, 8.0, frames),
        beat.size.ra_radius * 1.25 * (1 + 0.05 * contraction(beat.phase)),
        beat.size.ra_radius * 1.3,
    )
    hepatic = bezier(point(-2.5, 3.0, frames), point(0.2, 4.6, frames), point(1.4, 6.6, frames), 8)
    shapes = [
        *_liver(frames, 8.6),
        Shape(band(course, width[:, None] + 0.3), 128.0),
        Shape(disc(ra.mean(axis=1), beat.size.ra_radius * 1.25 + 0.3, beat.size.ra_radius * 1.3 + 0.3), 120.0),
        Shape(band(hepatic, 0.62), GreyLevel.BLOOD),
        Shape(band(course, width[:, None]), GreyLevel.BLOOD),
        Shape(ra, GreyLevel.BLOOD),
    ]
    return Scene(tuple(shapes), (), (point(1.0, 7.0, frames), 3.0, 3.0))


def aortic_arch(beat: Beat) -> Scene:
    """Return the suprasternal view: the arch with its branches, the right pulmonary artery in its bend."""
    frames = beat.frames
    pulse = 1 + 0.05 * contraction(beat.phase)
    radius = 1.55 * beat.size.aorta_radius
    angle = np.radians(np.linspace(200.0, 372.0, 24))
    arch = np.repeat(
        np.stack((0.4 + radius * 1.15 * np.cos(angle), 6.0 + radius * np.sin(angle)), axis=1)[None], frames, axis=0
    )
    down = arch[:, -1:] + np.array([0.0, 1.0]) * np.linspace(0.6, 6.0, 6)[None, :, None]
    up = arch[:, :1] + np.array([-0.25, 1.0]) * np.linspace(3.5, 0.6, 4)[None, :, None]
    course = np.concatenate((up, arch, down), axis=1)
    width = (1.9 * beat.size.aorta_radius / 1.5 * pulse)[:, None]
    shapes = [Shape(band(course, width + 0.36), GreyLevel.FIBROUS)]
    branches = []
    for i, lean in ((10, -0.35), (15, -0.05), (19, 0.25)):
        start = arch[:, i]
        branches.append(np.stack((start, start + np.array([lean, -1.3]), start + np.array([lean * 2, -2.8])), axis=1))
    shapes += [Shape(band(branch, 0.95), 140.0) for branch in branches]
    shapes += [Shape(band(course, width), GreyLevel.BLOOD)] + [
        Shape(band(branch, 0.65), GreyLevel.BLOOD) for branch in branches
    ]
    artery = point(0.4, 6.6, frames)
    shapes += [Shape(disc(artery, 1.0), 135.0), Shape(disc(artery, 0.82 * pulse), GreyLevel.BLOOD)]
    stream = Stream(
        origin=course[:, -4],
        heading=unit_direction(point(0.0, 1.0, frames)),
        length=np.full(frames, 5.0),
        width=np.full(frames, 1.6),
        speed=aortic_opening(beat.phase) * 0.8,
        neck=1.0,
    )
    return Scene(tuple(shapes), (stream,), (point(1.2, 6.0, frames), 3.2, 3.2))
