"""The four-chamber plane: left heart on the right of the image, right heart on its left, septum between."""

from __future__ import annotations

import numpy as np

from echosearch.phantom.heart.cycle import Floats, contraction, mitral_opening
from echosearch.phantom.heart.findings import at_severity
from echosearch.phantom.planes.chambers import Beat, Outline, atrium, grown, lead, lv_outline, pericardium
from echosearch.phantom.planes.flow import inflow, leak, shunt, stenotic_inflow
from echosearch.phantom.planes.implants import cannula, clip, coil, suture
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape, Stream, band, bezier, disc, offset, point
from echosearch.phantom.planes.valves import atrioventricular, mechanical, unit_direction

__all__ = ["four_chamber"]


def four_chamber(beat: Beat) -> Scene:
    """Return LV, RV, LA, RA with mitral and tricuspid valve; heart coordinates."""
    size, f, frames = beat.size, beat.findings, beat.frames
    squeeze = contraction(beat.phase)
    opening = mitral_opening(beat.phase)
    lv = lv_outline(beat, left=240.0, right=60.0)

    # right ventricle: along the septum's right side, free wall bulging away from it
    base, top = 2, 14 if f.rv_dilation < 3 else 17  # points of the septum between tricuspid valve and RV apex
    septal = lv.outer[:, base:top]  # base -> apex
    u = np.linspace(0.0, 1.0, top - base)[::-1]  # 1 at the base
    width = size.rv_width * (1.0 - 0.26 * squeeze)[:, None] * (u**0.62 * (1.12 - 0.22 * u**3))[None]
    free = septal + np.stack((-width, 0.16 * width), axis=2)
    rv_inner = np.concatenate((septal, free[:, ::-1]), axis=1)
    rv_outer_line = offset(free[:, ::-1], -size.rv_wall)
    rv_outer = np.concatenate((septal, rv_outer_line), axis=1)
    tricuspid_septal = septal[:, 0] + np.array([0.0, 0.0])
    tricuspid_lateral = free[:, 0]

    # atria below, a thin septum between them
    crux = (lv.left_hinge + lv.outer[:, 0]) / 2
    floor = crux[:, 1].max() + size.la_length
    crowd = 0.25 * max(f.la_dilation - f.ra_dilation, 0) - 0.2 * max(
        f.ra_dilation - f.la_dilation, 0
    )  # septum pushed over
    la = atrium(lv.left_hinge, lv.right_hinge, crux[:, 0] + 0.12 - crowd * 0.5 + size.la_radius, size.la_radius, floor)
    ra_floor = crux[:, 1].max() + size.ra_length
    ra = atrium(
        tricuspid_lateral, tricuspid_septal, crux[:, 0] - 0.14 - crowd * 0.5 - size.ra_radius, size.ra_radius, ra_floor
    )
    la_wall = [grown(part, 0.20) for part in la]
    ra_wall = [grown(part, 0.18) for part in ra]

    hull = [lv.outer, rv_outer]
    shapes = pericardium(beat, hull) + [Shape(grown(part, 0.12), 118.0) for part in (la_wall[0], ra_wall[0])]
    shapes += [Shape(part, GreyLevel.WALL) for part in (*la_wall, *ra_wall)]
    shapes += [Shape(rv_outer, GreyLevel.MUSCLE), Shape(lv.outer, GreyLevel.MUSCLE)]
    shapes += [Shape(part, GreyLevel.BLOOD) for part in (*ra, *la, rv_inner)]
    shapes += [Shape(lv.inner, GreyLevel.BLOOD, lv=True)]
    shapes += [Shape(disc(lv.right_hinge + np.array([0.35, 0.1]), 0.42, 0.38), GreyLevel.FAT)]
    shapes += [Shape(disc(tricuspid_lateral + np.array([-0.25, 0.05]), 0.34), GreyLevel.FAT)]
    shapes += [Shape(disc(crux, 0.30, 0.42), GreyLevel.FIBROUS)]
    # moderator band near the RV apex, papillary muscle on the lateral wall
    reach = (top - base) * 6 // 10
    shapes += [Shape(band(np.stack((septal[:, reach], free[:, reach - 1]), axis=1), 0.26), 96.0)]
    shapes += [Shape(disc(lv.inner[:, -10] + np.array([-0.18, 0.0]), 0.34, 0.8), 98.0)]

    into = unit_direction(lv.inner[:, lv.n_left - 1] - (lv.left_hinge + lv.right_hinge) / 2)
    rv_apex = septal[:, -1]
    into_rv = unit_direction(rv_apex - (tricuspid_septal + tricuspid_lateral) / 2)
    if f.prosthetic_valve and f.prosthesis == "mitral":
        shapes += mechanical(lv.left_hinge, lv.right_hinge, into, opening)
    else:
        shapes += atrioventricular(
            lv.left_hinge,
            lv.right_hinge,
            into,
            opening,
            stenosis=f.severity("ms"),
            gap=at_severity((0.0, 0.0, 0.06, 0.16, 0.32), f.severity("mr")),
            prolapse=0.5 * (f.mr_jet == "wall") * min(f.mr, 3) / 3,
            tether=0.10 * f.severity("lv_dilation"),
        )
    shapes += atrioventricular(
        tricuspid_lateral,
        tricuspid_septal,
        into_rv,
        opening,
        meet=0.58,
        lengths=(1.7, 1.2),
        gap=at_severity((0.0, 0.0, 0.05, 0.18, 0.42), f.severity("tr")),
        level=GreyLevel.VALVE - 12,
    )
    shapes += _treated(beat, lv, into, la, ra)
    if f.pacemaker:
        wire = _pacing_lead(ra, tricuspid_septal, tricuspid_lateral, rv_apex)
        shapes += [*lead(wire), *(coil(wire) if beat.features.icd else ())]
    defect = (lv.inner[:, 5] + lv.outer[:, 5]) / 2
    if beat.features.shunt != "none":
        shapes += [Shape(disc(defect, 0.42, 0.24), GreyLevel.BLOOD)]

    mitral = (lv.left_hinge + lv.right_hinge) / 2
    tricuspid = (tricuspid_septal + tricuspid_lateral) / 2
    wall = point(0.55, -1.0, frames) if f.mr_jet == "wall" else point(-0.12, -1.0, frames)
    streams: list[Stream] = [
        *inflow(beat, mitral, into, speed=0.75),
        *inflow(beat, tricuspid, into_rv, speed=0.5, width=1.7),
        *stenotic_inflow(beat, f.severity("ms"), mitral + into * 1.2, into),
        *leak(beat, f.severity("mr"), mitral + into * 0.4, unit_direction(-wall), "systole", size.la_length),
        *leak(
            beat,
            f.severity("tr"),
            tricuspid + into_rv * 0.3,
            unit_direction(point(0.22, 1.0, frames)),
            "systole",
            size.ra_length,
        ),
        *shunt(beat, defect, unit_direction(point(-0.74, -0.67, frames))),
    ]
    centre = (mitral + tricuspid) / 2 + np.array([0.0, 1.3])
    return Scene(tuple(shapes), tuple(streams), (centre, 5.2, 4.2))


def _treated(beat: Beat, lv: Outline, into: Floats, la: list[Floats], ra: list[Floats]) -> list[Shape]:
    """Marks of treatment that this plane cuts."""
    shapes: list[Shape] = []
    if beat.features.clip:
        shapes += clip(lv.left_hinge, lv.right_hinge, into)
    if beat.features.transplant:
        shapes += [*suture(la[0], (1, 38)), *suture(ra[0], (19, 22))]
    if beat.features.lvad:
        shapes += cannula(lv.inner[:, lv.n_left - 1], -into)
    return shapes


def _pacing_lead(ra: list[Floats], septal: Floats, lateral: Floats, apex: Floats) -> Floats:
    valve = septal * 0.45 + lateral * 0.55
    start = ra[0].mean(axis=1) + np.array([-0.5, 1.2])
    first = bezier(start, (start + valve) / 2 + np.array([-0.7, 0.0]), valve, 8)
    second = bezier(valve, (valve + apex) / 2 + np.array([-0.35, 0.3]), apex, 10)
    return np.concatenate((first, second[:, 1:]), axis=1)
