"""Leaflets, cusps, prostheses: thin bright bands that open and close."""

from __future__ import annotations

import numpy as np

from echosearch.phantom.heart.cycle import Floats
from echosearch.phantom.heart.findings import at_severity
from echosearch.phantom.planes.scene import GreyLevel, Shape, band, bezier, disc

__all__ = ["atrioventricular", "mechanical", "semilunar", "unit_direction"]


def unit_direction(vector: Floats) -> Floats:
    """Scale (T, 2) to length 1."""
    scaled: Floats = vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-9)
    return scaled


def atrioventricular(
    first: Floats,
    second: Floats,
    into: Floats,
    opening: Floats,
    *,
    meet: float = 0.62,
    lengths: tuple[float, float] = (2.1, 1.3),
    stenosis: float = 0,
    gap: float = 0.0,
    prolapse: float = 0.0,
    tether: float = 0.0,
    level: float = GreyLevel.VALVE,
) -> tuple[Shape, ...]:
    """Return two leaflets between hinges (T, 2), opening towards ``into`` (T, 2), a unit vector into the ventricle.

    ``meet`` is where they touch, as a share of the way from the first hinge to the second. A stenotic valve is thick,
    bright and domes: the bodies open, the tips stay together. ``gap`` (cm) is what a severe leak leaves open in
    systole; ``prolapse`` (cm) bows the second leaflet back into the atrium; ``tether`` (cm) pulls the meeting point
    into the ventricle.
    """
    across = second - first
    spread = unit_direction(across)
    mobility = at_severity((1.0, 0.85, 0.62, 0.46, 0.34), stenosis)
    thick = at_severity((0.17, 0.20, 0.28, 0.36, 0.44), stenosis)
    bright = level + at_severity((0.0, 10.0, 28.0, 42.0, 55.0), stenosis)
    swing = (opening * mobility)[:, None]
    closed = first + across * meet + into * (0.35 + tether)
    shapes = []
    for hinge, length, side in ((first, lengths[0], 1.0), (second, lengths[1], -1.0)):
        reach = np.linalg.norm(across, axis=1, keepdims=True)
        shut = closed - spread * side * gap / 2
        wide = hinge + into * length + spread * side * 0.12 * reach
        tip = shut * (1 - swing) + wide * swing
        middle = (hinge + tip) / 2
        # bodies bow into the ventricle when shut (or back into the atrium, prolapsed), and outwards when open
        back = prolapse * (side < 0)
        bow = into * (0.22 + tether * 0.3 - 1.6 * back) * (1 - swing)
        doming = (into * 0.9 - spread * side * 0.25) * (0.55 if stenosis >= 2 else 0.0) * opening[:, None]
        leaflet = bezier(hinge, middle + bow + doming, tip)
        shapes.append(Shape(band(leaflet, thick), bright, shadow=12.0 * max(stenosis - 2, 0)))
    return tuple(shapes)


def semilunar(
    first: Floats, second: Floats, out: Floats, opening: Floats, *, stenosis: float = 0, gap: float = 0.0
) -> tuple[Shape, ...]:
    """Return two cusps of an aortic valve between hinges on the root's walls; ``out`` points into the aorta."""
    across = second - first
    half = np.linalg.norm(across, axis=1, keepdims=True) / 2
    spread = unit_direction(across)
    mobility = at_severity((0.92, 0.78, 0.55, 0.38, 0.24), stenosis)
    thick = at_severity((0.12, 0.16, 0.28, 0.40, 0.52), stenosis)
    level = at_severity((135.0, 150.0, 180.0, 205.0, 225.0), stenosis)
    swing = (opening * mobility)[:, None]
    shapes = []
    for hinge, side in ((first, 1.0), (second, -1.0)):
        shut = hinge + spread * side * (half - gap / 2) + out * 0.25
        wide = hinge + out * 1.25 + spread * side * 0.06
        tip = shut * (1 - swing) + wide * swing
        belly = (hinge + tip) / 2 - out * 0.28 * (1 - swing) + out * 0.25 * swing * (stenosis >= 2)
        shapes.append(Shape(band(bezier(hinge, belly, tip, 7), thick), level, shadow=14.0 * max(stenosis - 1, 0)))
    return tuple(shapes)


def mechanical(first: Floats, second: Floats, into: Floats, opening: Floats) -> tuple[Shape, ...]:
    """Return a bileaflet prosthesis: bright struts of the sewing ring, two short discs, reverberation and shadow."""
    across = second - first
    spread = unit_direction(across)
    shapes = [
        Shape(disc(hinge + spread * side * 0.15, 0.34, 0.30), GreyLevel.METAL, shadow=58.0)
        for hinge, side in ((first, 1.0), (second, -1.0))
    ]
    for share in (0.34, 0.66):
        pivot = first + across * share
        turn = (1.15 * opening + 0.12)[:, None]
        arm = (spread * (1.0 if share < 0.5 else -1.0) * np.cos(turn) + into * np.sin(turn)) * 0.62
        shapes.append(
            Shape(band(np.stack((pivot - arm, pivot, pivot + arm), axis=1), 0.2), GreyLevel.METAL, shadow=30.0)
        )
    middle = first + across * 0.5
    for echo in range(1, 5):  # reverberation: the same disc again and again, fainter, away from the ventricle
        at = middle - into * (0.55 * echo)
        line = np.stack((at - across * 0.28, at, at + across * 0.28), axis=1)
        shapes.append(Shape(band(line, 0.14), 150.0 - 24.0 * echo, moves=False))
    return tuple(shapes)
