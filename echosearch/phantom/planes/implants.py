"""Marks of treatment in a plane: a clip, a stented valve, a lead's coil, a pump's cannula, an atrial suture."""

from __future__ import annotations

import numpy as np

from echosearch.phantom.heart.cycle import Floats
from echosearch.phantom.planes.scene import GreyLevel, Shape, band, disc
from echosearch.phantom.planes.valves import unit_direction

__all__ = ["cannula", "clip", "coil", "stent", "suture"]


def clip(first: Floats, second: Floats, into: Floats) -> tuple[Shape, ...]:
    """Return a clip that holds two leaflets together, between hinges (T, 2); ``into`` points into the ventricle."""
    arms = (first + second) / 2 + into * 0.75
    line = np.stack((arms - into * 0.55, arms + into * 0.55), axis=1)
    return (Shape(band(line, 0.42), GreyLevel.METAL, shadow=22.0),)


def stent(low: Floats, high: Floats, out: Floats) -> tuple[Shape, ...]:
    """Return the frame of a catheter valve along the aortic root's walls; ``out`` points into the aorta."""
    inwards = unit_direction(high - low) * 0.22
    sides = []
    for wall, towards in ((low, inwards), (high, -inwards)):
        line = np.stack([wall + towards + out * along for along in (-0.9, 0.0, 0.8, 1.7)], axis=1)
        sides.append(Shape(band(line, 0.26), 236.0, shadow=26.0))
    return tuple(sides)


def coil(lead: Floats) -> tuple[Shape, ...]:
    """Return the defibrillator's coil: the lead (T, N, 2) is thick in the right ventricle."""
    return (Shape(band(lead[:, -7:], 0.46), GreyLevel.METAL, shadow=30.0),)


def cannula(apex: Floats, into: Floats) -> tuple[Shape, ...]:
    """Return a pump's cannula through the apex (T, 2), two bright walls and a shadow; ``into`` points to the base."""
    side = np.stack((into[:, 1], -into[:, 0]), axis=1) * 0.62
    walls = []
    for aside in (side, -side):
        line = np.stack((apex + aside - into * 1.0, apex + aside + into * 1.5), axis=1)
        walls.append(Shape(band(line, 0.24), GreyLevel.METAL, shadow=24.0))
    return tuple(walls)


def suture(atrium: Floats, at: tuple[int, ...]) -> tuple[Shape, ...]:
    """Return the ridge where a donor's atrium (T, N, 2) is sewn on, at these points of its outline."""
    middle = atrium.mean(axis=1)
    ridges = []
    for point in at:
        inwards = unit_direction(middle - atrium[:, point]) * 0.16
        ridges.append(Shape(disc(atrium[:, point] + inwards, 0.34, 0.24), 190.0))
    return tuple(ridges)
