"""The short-axis plane at the papillary muscles: a round left ventricle, the right one a crescent on its left.

Coordinates: the ventricle's middle at (0, 0).
"""

from __future__ import annotations

import numpy as np

from echosearch.phantom.heart.cycle import Floats, contraction
from echosearch.phantom.heart.findings import at_severity
from echosearch.phantom.heart.ventricle import lv_surface
from echosearch.phantom.planes.chambers import Beat, pericardium, roughness
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape, disc

__all__ = ["short_axis"]

_LEVEL = 0.42  # z of the papillary muscles
_INWARD = 0.24  # share of the radius


def short_axis(beat: Beat) -> Scene:
    """Return the LV ring with two papillary muscles, and the RV crescent."""
    size, f, frames = beat.size, beat.findings, beat.frames
    phi = np.arange(0.0, 360.0, 7.5)
    cut = lv_surface(size, f, beat.phase, np.array([_LEVEL]), phi)
    radius, wall = cut.radius[:, 0], cut.wall[:, 0]  # (T, P)
    radius = radius * (1 + roughness(beat.anatomy.wobble_seed + 7, len(phi), 0.02))
    squeeze = contraction(beat.phase)
    # a large right ventricle flattens the septum: the D shape
    flat = at_severity((0.0, 0.0, 0.06, 0.17, 0.30), f.severity("rv_dilation")) * np.exp(
        -((((phi - 262.0 + 180) % 360 - 180) / 42.0) ** 2)
    )
    radius = radius * (1.0 - flat)
    if beat.inward is not None:  # seen here only: no valve in this plane tells systole from diastole
        septum = np.exp(-((((phi - 270.0 + 180) % 360 - 180) / 45.0) ** 2))
        radius = radius * (1.0 - _INWARD * beat.inward[:, None] * septum[None])
    inner = _around(radius, phi)
    outer = _around(radius + wall, phi)

    side = (phi >= 205.0) & (phi <= 345.0)
    septal_phi = phi[side]
    septal = _around((radius + wall)[:, side], septal_phi)
    bulge = np.sin((septal_phi - 205.0) / 140.0 * np.pi)
    width = size.rv_width * 0.66 * (1 - 0.26 * squeeze)[:, None] * bulge[None]
    lean = np.radians(septal_phi - 4.0)
    far = septal + width[..., None] * np.stack((np.sin(lean), -np.cos(lean)), axis=1)[None]
    rv = np.concatenate((septal, far[:, ::-1]), axis=1)
    rim = (size.rv_wall * (0.35 + 0.65 * bulge))[:, None] * np.stack((np.sin(lean), -np.cos(lean)), axis=1)
    rv_outer = np.concatenate((septal, (far + rim[None])[:, ::-1]), axis=1)

    shapes = pericardium(beat, [outer, rv_outer])
    shapes += [
        Shape(rv_outer, GreyLevel.MUSCLE),
        Shape(outer, GreyLevel.MUSCLE),
        Shape(rv, GreyLevel.BLOOD),
        Shape(inner, GreyLevel.BLOOD),
    ]
    for at, bulk in ((118.0, 0.40), (222.0, 0.46)):  # anterolateral, posteromedial
        near = int(np.argmin(np.abs(phi - at)))
        grow = bulk * (1 + 0.18 * squeeze) * (1 + 0.35 * (size.wall - 0.9))
        centre = inner[:, near] * (1.0 - 0.62 * grow / np.maximum(radius[:, near], 0.3))[:, None]
        shapes.append(Shape(disc(centre, grow, grow * 1.05, n=18), 104.0))
    return Scene(tuple(shapes), (), (np.zeros((frames, 2)), 3.5, 3.5))


def _around(radius: Floats, phi: Floats) -> Floats:
    """Polar (T, P) -> points (T, P, 2), phi clockwise from the top of the image."""
    angle = np.radians(phi)
    return np.stack((radius * np.sin(angle), -radius * np.cos(angle)), axis=2)
