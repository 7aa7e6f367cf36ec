"""The two-chamber plane: left ventricle and atrium alone, inferior wall on the left, anterior on the right."""

from __future__ import annotations

import numpy as np

from echosearch.phantom.heart.cycle import mitral_opening
from echosearch.phantom.heart.findings import at_severity
from echosearch.phantom.planes.chambers import Beat, atrium, grown, lv_outline, pericardium
from echosearch.phantom.planes.flow import inflow, leak, stenotic_inflow
from echosearch.phantom.planes.implants import cannula, clip
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape, disc, point
from echosearch.phantom.planes.valves import atrioventricular, mechanical, unit_direction

__all__ = ["two_chamber"]


def two_chamber(beat: Beat) -> Scene:
    """Return LV, LA, atrial appendage, coronary sinus; heart coordinates."""
    size, f, frames = beat.size, beat.findings, beat.frames
    opening = mitral_opening(beat.phase)
    lv = lv_outline(beat, left=180.0, right=0.0)
    middle = (lv.left_hinge + lv.right_hinge) / 2
    floor = middle[:, 1].max() + size.la_length * 0.97
    la = atrium(lv.left_hinge, lv.right_hinge, middle[:, 0] + 0.1, size.la_radius * 1.10, floor)
    la_wall = [grown(part, 0.20) for part in la]
    appendage = disc(lv.right_hinge + np.array([0.75, 0.95]), 0.75 * size.la_radius / 1.9, 0.5)
    sinus = disc(lv.left_hinge + np.array([-0.55, 0.45]), 0.34)

    shapes = [*pericardium(beat, [lv.outer]), Shape(grown(la_wall[0], 0.12), 118.0)]
    shapes += [Shape(grown(appendage, 0.2), GreyLevel.WALL)]
    shapes += [Shape(part, GreyLevel.WALL) for part in la_wall]
    shapes += [Shape(disc(lv.left_hinge + np.array([-0.5, 0.4]), 0.62), GreyLevel.FAT)]
    shapes += [
        Shape(disc(lv.right_hinge + np.array([0.45, 0.1]), 0.46), GreyLevel.FAT),
        Shape(lv.outer, GreyLevel.MUSCLE),
    ]
    shapes += [Shape(part, GreyLevel.BLOOD) for part in (*la, appendage, sinus)]
    shapes += [
        Shape(lv.inner, GreyLevel.BLOOD, lv=True),
        Shape(disc(lv.inner[:, 10] + np.array([0.22, 0.0]), 0.36, 0.85), 98.0),
        Shape(disc(lv.inner[:, -10] + np.array([-0.2, 0.1]), 0.30, 0.7), 96.0),
    ]
    into = unit_direction(lv.inner[:, lv.n_left - 1] - middle)
    if f.prosthetic_valve and f.prosthesis == "mitral":
        shapes += mechanical(lv.left_hinge, lv.right_hinge, into, opening)
    else:
        shapes += atrioventricular(
            lv.left_hinge,
            lv.right_hinge,
            into,
            opening,
            meet=0.5,
            lengths=(1.6, 1.6),
            stenosis=f.severity("ms"),
            gap=at_severity((0.0, 0.0, 0.06, 0.16, 0.32), f.severity("mr")),
            tether=0.10 * f.severity("lv_dilation"),
        )
    if beat.features.clip:
        shapes += clip(lv.left_hinge, lv.right_hinge, into)
    if beat.features.lvad:
        shapes += cannula(lv.inner[:, lv.n_left - 1], -into)
    jet = unit_direction(point(0.6 if f.mr_jet == "wall" else 0.1, 1.0, frames))
    streams = [
        *inflow(beat, middle, into, speed=0.75),
        *stenotic_inflow(beat, f.severity("ms"), middle + into * 1.2, into),
        *leak(beat, f.severity("mr"), middle + into * 0.4, jet, "systole", size.la_length),
    ]
    return Scene(tuple(shapes), tuple(streams), (middle + np.array([0.0, 0.9]), 3.3, 3.6))
