"""The long-axis plane, apical (3CH) or turned on its side (LAX): LV, outflow tract, aortic root, LA, a piece of RV.

Heart coordinates: inferolateral wall on the left, anteroseptal wall on the right, aorta at the lower right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echosearch.phantom.heart.cycle import Floats, aortic_opening, contraction, mitral_opening
from echosearch.phantom.heart.findings import at_severity
from echosearch.phantom.planes.chambers import Beat, Outline, atrium, grown, lv_outline, pericardium
from echosearch.phantom.planes.flow import ejection, inflow, leak, shunt, stenotic_ejection, stenotic_inflow
from echosearch.phantom.planes.implants import cannula, clip, stent
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape, Stream, band, disc, offset, point, polygon
from echosearch.phantom.planes.valves import atrioventricular, mechanical, semilunar, unit_direction

__all__ = ["long_axis"]

_ALONG = np.array([0.0, 0.5, 1.1, 2.0, 3.6, 7.0])  # the aorta's walls, cm from its base
_SWELL = np.array([0.0, 0.30, 0.36, 0.12, 0.16, 0.2])  # sinuses of Valsalva, then the tube
_SEPTAL = 17  # points of the septum beyond which the right ventricle lies: from two thirds up to the base


@dataclass(frozen=True, eq=False)
class _Root:
    """The aortic root, in cm: walls (T, 6, 2) from the base on, its course and what is to the right of it (T, 2)."""

    left_wall: Floats
    right_wall: Floats
    out: Floats
    side: Floats

    @property
    def curtain(self) -> Floats:
        """Where the mitral valve's fibrous curtain joins it, (T, 2)."""
        start: Floats = self.left_wall[:, 0]
        return start

    @property
    def middle(self) -> Floats:
        middle: Floats = (self.left_wall[:, 0] + self.right_wall[:, 0]) / 2
        return middle

    @property
    def lumen(self) -> Floats:
        return np.concatenate((self.left_wall, self.right_wall[:, ::-1]), axis=1)


@dataclass(frozen=True, eq=False)
class _Heart:
    """All that this plane cuts: outlines (T, N, 2) and points (T, 2), cm."""

    lv: Outline
    root: _Root
    la: list[Floats]
    la_left: Floats  # (T,) the x of the left atrium's left edge
    rv: Floats
    rv_outer: Floats

    @property
    def mitral(self) -> Floats:
        middle: Floats = (self.lv.left_hinge + self.root.curtain) / 2
        return middle

    @property
    def apex(self) -> Floats:
        apex: Floats = self.lv.inner[:, self.lv.n_left - 1]
        return apex

    @property
    def into(self) -> Floats:
        """The way from the mitral valve to the apex, a unit vector."""
        return unit_direction(self.apex - self.mitral)

    @property
    def defect(self) -> Floats:
        """Where a ventricular septal defect is, if there is one."""
        middle: Floats = (self.lv.inner[:, -6] + self.lv.outer[:, -6]) / 2
        return middle


def long_axis(beat: Beat, parasternal: bool) -> Scene:
    """Return LV, LA, mitral and aortic valve, aortic root, RV outflow; parasternal with the descending aorta."""
    heart = _heart(beat, parasternal)
    shapes = [
        *_behind(beat, heart, parasternal),
        *_walls_and_cavities(heart, parasternal),
        *_mitral_valve(beat, heart),
        *_aortic_valve(beat, heart.root),
        *_implants(beat, heart),
    ]
    centre = (heart.mitral + heart.root.middle) / 2 + np.array([0.3, 0.3])
    return Scene(tuple(shapes), _streams(beat, heart), (centre, 3.9, 4.2))


def _heart(beat: Beat, parasternal: bool) -> _Heart:
    """Cut the heart. Its base: mitral valve on the left, a fibrous curtain, the aortic root on the right."""
    size, lv = beat.size, lv_outline(beat, left=120.0, right=300.0)
    root = _root(beat, lv)
    floor = lv.left_hinge[:, 1].max() + size.la_length * 0.92
    spare = 1.95 * size.la_radius
    la_middle = root.curtain[:, 0] + 0.25 - spare / 2 - 0.06 * (spare - 3.6)
    la = atrium(lv.left_hinge, root.curtain, la_middle, spare / 2, floor)
    rv, rv_outer = _right_ventricle(beat, lv, root, 0.86 if parasternal else 0.62)
    return _Heart(lv, root, la, la_middle - spare / 2, rv, rv_outer)


def _root(beat: Beat, lv: Outline) -> _Root:
    diameter = 2.0 * beat.size.aorta_radius * 0.86
    across = unit_direction(lv.right_hinge - lv.left_hinge)
    left = lv.right_hinge - across * diameter + np.array([0.0, 0.1])
    right = lv.right_hinge + np.array([0.05, 0.05])
    out = unit_direction(point(0.34, 1.0, beat.frames))
    side = np.stack((out[:, 1], -out[:, 0]), axis=1)
    along, swell = out[:, None] * _ALONG[:, None], side[:, None] * _SWELL[:, None]
    return _Root(left[:, None] + along - swell, right[:, None] + along + swell, out, side)


def _right_ventricle(beat: Beat, lv: Outline, root: _Root, share: float) -> tuple[Floats, Floats]:
    """Return cavity and outer outline of the right ventricle beyond the septum; ``share`` of its width is cut."""
    size, squeeze = beat.size, contraction(beat.phase)
    septal = lv.outer[:, lv.outer.shape[1] - _SEPTAL :]
    u = np.linspace(0.0, 1.0, _SEPTAL)
    width = size.rv_width * share * (1 - 0.22 * squeeze)[:, None] * (np.sin(u * np.pi / 2) ** 0.6)[None]
    far = septal + np.stack((width, 0.05 * width), axis=2)
    beyond = root.right_wall[:, 4] + root.side * 0.25
    far_end = beyond + root.side * width[:, -1:] * 0.55
    cavity = np.concatenate((septal, beyond[:, None], far_end[:, None], far[:, ::-1]), axis=1)
    outer_end = far_end[:, None] + root.side[:, None] * size.rv_wall
    outer = np.concatenate((septal, beyond[:, None], outer_end, offset(far, size.rv_wall)[:, ::-1]), axis=1)
    return cavity, outer


def _behind(beat: Beat, heart: _Heart, parasternal: bool) -> list[Shape]:
    """What lies behind the heart: the pericardium, and the descending aorta that a parasternal plane cuts."""
    shapes = pericardium(beat, [heart.lv.outer]) + pericardium(beat, [heart.rv_outer], fluid_share=0.7)
    shapes += [Shape(grown(grown(heart.la[0], 0.24), 0.15), 135.0)]
    if parasternal:
        x = heart.la_left - 1.35 - 0.3 * beat.size.effusion
        behind = np.stack((x, heart.lv.left_hinge[:, 1] + 1.2), axis=1)
        shapes += [Shape(disc(behind, 1.22), 132.0), Shape(disc(behind, 1.0), GreyLevel.BLOOD)]
    return shapes


def _walls_and_cavities(heart: _Heart, parasternal: bool) -> list[Shape]:
    lv, root = heart.lv, heart.root
    tract = polygon(lv.left_hinge, lv.right_hinge, root.right_wall[:, 0], root.left_wall[:, 0])
    return [
        *(Shape(grown(part, 0.24), GreyLevel.WALL) for part in heart.la),
        Shape(heart.rv_outer, GreyLevel.MUSCLE),
        Shape(lv.outer, GreyLevel.MUSCLE),
        Shape(band(root.left_wall, 0.30), GreyLevel.FIBROUS),
        Shape(band(root.right_wall, 0.32), GreyLevel.FIBROUS),
        *(Shape(part, GreyLevel.BLOOD) for part in (*heart.la, heart.rv)),
        Shape(lv.inner, GreyLevel.BLOOD, lv=not parasternal),
        Shape(tract, GreyLevel.BLOOD),
        Shape(root.lumen, GreyLevel.BLOOD),
        Shape(band(root.left_wall, 0.20), 140.0),
        Shape(band(root.right_wall, 0.22), 140.0),
        Shape(disc(lv.left_hinge + np.array([-0.3, 0.2]), 0.42), GreyLevel.FAT),
        Shape(disc(root.curtain, 0.22), GreyLevel.FIBROUS),
        Shape(disc(lv.inner[:, 10] + np.array([0.2, 0.0]), 0.34, 0.8), 98.0),  # papillary muscle
    ]


def _mitral_valve(beat: Beat, heart: _Heart) -> Sequence[Shape]:
    f, opening = beat.findings, mitral_opening(beat.phase)
    if f.prosthetic_valve and f.prosthesis == "mitral":
        return mechanical(heart.lv.left_hinge, heart.root.curtain, heart.into, opening)
    return atrioventricular(
        heart.root.curtain,
        heart.lv.left_hinge,
        heart.into,
        opening,
        meet=0.58,
        lengths=(2.0, 1.2),
        stenosis=f.severity("ms"),
        gap=at_severity((0.0, 0.0, 0.06, 0.16, 0.32), f.severity("mr")),
        prolapse=0.5 * (f.mr_jet == "wall") * min(f.mr, 3) / 3,
        tether=0.10 * f.severity("lv_dilation"),
    )


def _aortic_valve(beat: Beat, root: _Root) -> Sequence[Shape]:
    f, ejecting = beat.findings, aortic_opening(beat.phase)
    low, high = root.left_wall[:, 0] + root.out * 0.15, root.right_wall[:, 0] + root.out * 0.15
    if beat.features.tavi:
        return [*semilunar(low, high, root.out, ejecting), *stent(low, high, root.out)]
    if f.prosthetic_valve and f.prosthesis == "aortic":
        return mechanical(low, high, root.out, ejecting)
    gap = at_severity((0.0, 0.0, 0.03, 0.10, 0.2), f.severity("ar"))
    return semilunar(low, high, root.out, ejecting, stenosis=f.severity("as"), gap=gap)


def _implants(beat: Beat, heart: _Heart) -> list[Shape]:
    """A clip, a pump's cannula, and the defect of a shunt."""
    shapes: list[Shape] = []
    if beat.features.clip:
        shapes += clip(heart.root.curtain, heart.lv.left_hinge, heart.into)
    if beat.features.lvad:
        shapes += cannula(heart.apex, -heart.into)
    if beat.features.shunt != "none":
        shapes += [Shape(disc(heart.defect, 0.42, 0.24), GreyLevel.BLOOD)]
    return shapes


def _streams(beat: Beat, heart: _Heart) -> tuple[Stream, ...]:
    f, size, into, out = beat.findings, beat.size, heart.into, heart.root.out
    mitral, aortic = heart.mitral, heart.root.middle
    jet = unit_direction(point(-0.45 if f.mr_jet == "wall" else 0.05, 1.0, beat.frames))
    back = unit_direction(heart.apex * 0.75 + heart.lv.left_hinge * 0.25 - aortic)
    return (
        *inflow(beat, mitral, into, speed=0.7),
        *ejection(beat, aortic, out),
        *stenotic_inflow(beat, f.severity("ms"), mitral + into * 1.2, into),
        *stenotic_ejection(beat, f.severity("as"), aortic, out),
        *leak(beat, f.severity("mr"), mitral + into * 0.4, jet, "systole", size.la_length),
        *leak(beat, f.severity("ar"), aortic - out * 0.1, back, "diastole", size.lv_length * 0.62),
        *shunt(beat, heart.defect, unit_direction(point(0.74, -0.67, beat.frames))),
    )
