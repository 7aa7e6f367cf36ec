"""The long-axis plane, apical (3CH) or turned on its side (LAX): LV, outflow tract, aortic root, LA, a piece of RV.

Heart coordinates: inferolateral wall on the left, anteroseptal wall on the right, aorta at the lower right.
"""

from __future__ import annotations

import numpy as np

from echosearch.phantom.heart.cycle import aortic_opening, contraction, mitral_opening
from echosearch.phantom.heart.findings import at_severity
from echosearch.phantom.planes.chambers import Beat, atrium, grown, lv_outline, pericardium
from echosearch.phantom.planes.flow import ejection, inflow, leak, shunt, stenotic_ejection, stenotic_inflow
from echosearch.phantom.planes.implants import cannula, clip, stent
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape, band, disc, offset, point, polygon
from echosearch.phantom.planes.valves import atrioventricular, mechanical, semilunar, unit_direction

__all__ = ["long_axis"]


def long_axis(beat: Beat, parasternal: bool) -> Scene:
    """Return LV, LA, mitral and aortic valve, aortic root, RV outflow; parasternal with the descending aorta."""
    size, f, frames = beat.size, beat.findings, beat.frames
    lv = lv_outline(beat, left=120.0, right=300.0)
    opening = mitral_opening(beat.phase)
    ejecting = aortic_opening(beat.phase)

    # the base: mitral valve on the left, a fibrous curtain, the aortic root on the right
    base_left, base_right = lv.left_hinge, lv.right_hinge
    across = unit_direction(base_right - base_left)
    diameter = 2.0 * size.aorta_radius * 0.86
    curtain = base_right - across * diameter + np.array([0.0, 0.1])
    out = unit_direction(point(0.34, 1.0, frames))
    root_right, root_left = base_right + np.array([0.05, 0.05]), curtain
    length = 7.0
    side = np.stack((out[:, 1], -out[:, 0]), axis=1)  # to the right of the aorta's course
    swell = np.array([0.0, 0.30, 0.36, 0.12, 0.16, 0.2])  # sinuses of Valsalva, then the tube
    along = np.array([0.0, 0.5, 1.1, 2.0, 3.6, length])
    right_wall = root_right[:, None] + out[:, None] * along[:, None] + side[:, None] * swell[:, None]
    left_wall = root_left[:, None] + out[:, None] * along[:, None] - side[:, None] * swell[:, None]
    aorta = np.concatenate((left_wall, right_wall[:, ::-1]), axis=1)
    tract = polygon(base_left, base_right, root_right, root_left)

    floor = (base_left[:, 1]).max() + size.la_length * 0.92
    spare = 1.95 * size.la_radius
    la_middle = curtain[:, 0] + 0.25 - spare / 2 - 0.06 * (spare - 3.6)
    la = atrium(base_left, curtain, la_middle, spare / 2, floor)
    la_wall = [grown(part, 0.24) for part in la]

    # right ventricle beyond the septum
    squeeze = contraction(beat.phase)
    n = lv.outer.shape[1]
    septal = lv.outer[:, n - 17 :]  # from two thirds up to the base
    u = np.linspace(0.0, 1.0, 17)
    width = (
        size.rv_width
        * (0.86 if parasternal else 0.62)
        * (1 - 0.22 * squeeze)[:, None]
        * (np.sin(u * np.pi / 2) ** 0.6)[None]
    )
    far = septal + np.stack((width, 0.05 * width), axis=2)
    beyond = right_wall[:, 4] + side * 0.25
    far_end = beyond + side * width[:, -1:] * 0.55
    rv = np.concatenate((septal, beyond[:, None], far_end[:, None], far[:, ::-1]), axis=1)
    rv_outer = np.concatenate(
        (septal, beyond[:, None], far_end[:, None] + side[:, None] * size.rv_wall, offset(far, size.rv_wall)[:, ::-1]),
        axis=1,
    )

    shapes = pericardium(beat, [lv.outer]) + pericardium(beat, [rv_outer], fluid_share=0.7)
    shapes += [Shape(grown(la_wall[0], 0.15), 135.0)]
    if parasternal:
        behind = np.stack((la_middle - spare / 2 - 1.35 - 0.3 * size.effusion, base_left[:, 1] + 1.2), axis=1)
        shapes += [Shape(disc(behind, 1.22), 132.0), Shape(disc(behind, 1.0), GreyLevel.BLOOD)]
    shapes += [Shape(part, GreyLevel.WALL) for part in la_wall]
    shapes += [Shape(rv_outer, GreyLevel.MUSCLE), Shape(lv.outer, GreyLevel.MUSCLE)]
    shapes += [Shape(band(left_wall, 0.30), GreyLevel.FIBROUS), Shape(band(right_wall, 0.32), GreyLevel.FIBROUS)]
    shapes += [Shape(part, GreyLevel.BLOOD) for part in (*la, rv)]
    shapes += [Shape(lv.inner, GreyLevel.BLOOD, lv=not parasternal)]
    shapes += [Shape(part, GreyLevel.BLOOD) for part in (tract, aorta)]
    shapes += [Shape(band(left_wall, 0.20), 140.0), Shape(band(right_wall, 0.22), 140.0)]
    shapes += [
        Shape(disc(base_left + np.array([-0.3, 0.2]), 0.42), GreyLevel.FAT),
        Shape(disc(curtain, 0.22), GreyLevel.FIBROUS),
    ]
    shapes += [Shape(disc(lv.inner[:, 10] + np.array([0.2, 0.0]), 0.34, 0.8), 98.0)]

    apex = lv.inner[:, lv.n_left - 1]
    into = unit_direction(apex - (base_left + curtain) / 2)
    if f.prosthetic_valve and f.prosthesis == "mitral":
        shapes += mechanical(base_left, curtain, into, opening)
    else:
        shapes += atrioventricular(
            curtain,
            base_left,
            into,
            opening,
            meet=0.58,
            lengths=(2.0, 1.2),
            stenosis=f.severity("ms"),
            gap=at_severity((0.0, 0.0, 0.06, 0.16, 0.32), f.severity("mr")),
            prolapse=0.5 * (f.mr_jet == "wall") * min(f.mr, 3) / 3,
            tether=0.10 * f.severity("lv_dilation"),
        )
    low, high = left_wall[:, 0] + out * 0.15, right_wall[:, 0] + out * 0.15
    if beat.features.tavi:
        shapes += [*semilunar(low, high, out, ejecting), *stent(low, high, out)]
    elif f.prosthetic_valve and f.prosthesis == "aortic":
        shapes += mechanical(low, high, out, ejecting)
    else:
        shapes += semilunar(
            low,
            high,
            out,
            ejecting,
            stenosis=f.severity("as"),
            gap=at_severity((0.0, 0.0, 0.03, 0.10, 0.2), f.severity("ar")),
        )

    if beat.features.clip:
        shapes += clip(curtain, base_left, into)
    if beat.features.lvad:
        shapes += cannula(apex, -into)
    defect = (lv.inner[:, -6] + lv.outer[:, -6]) / 2
    if beat.features.shunt != "none":
        shapes += [Shape(disc(defect, 0.42, 0.24), GreyLevel.BLOOD)]

    mitral = (base_left + curtain) / 2
    aortic = (left_wall[:, 0] + right_wall[:, 0]) / 2
    jet = unit_direction(point(-0.45 if f.mr_jet == "wall" else 0.05, 1.0, frames))
    back = unit_direction(apex * 0.75 + base_left * 0.25 - aortic)
    streams = [
        *inflow(beat, mitral, into, speed=0.7),
        *ejection(beat, aortic, out),
        *stenotic_inflow(beat, f.severity("ms"), mitral + into * 1.2, into),
        *stenotic_ejection(beat, f.severity("as"), aortic, out),
        *leak(beat, f.severity("mr"), mitral + into * 0.4, jet, "systole", size.la_length),
        *leak(beat, f.severity("ar"), aortic - out * 0.1, back, "diastole", beat.size.lv_length * 0.62),
        *shunt(beat, defect, unit_direction(point(0.74, -0.67, frames))),
    ]
    return Scene(tuple(shapes), tuple(streams), ((mitral + aortic) / 2 + np.array([0.3, 0.3]), 3.9, 4.2))
