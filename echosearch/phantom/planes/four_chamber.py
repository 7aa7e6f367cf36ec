"""The four-chamber plane: left heart on the right of the image, right heart on its left, septum between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echosearch.phantom.heart.cycle import Floats, contraction, mitral_opening
from echosearch.phantom.heart.findings import at_severity
from echosearch.phantom.planes.chambers import Beat, Outline, atrium, grown, lead, lv_outline, pericardium
from echosearch.phantom.planes.flow import inflow, leak, shunt, stenotic_inflow
from echosearch.phantom.planes.implants import cannula, clip, coil, suture
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape, Stream, band, bezier, disc, offset, point
from echosearch.phantom.planes.valves import atrioventricular, mechanical, unit_direction

__all__ = ["four_chamber"]


@dataclass(frozen=True, eq=False)
class _RightVentricle:
    """The right ventricle in cm: septum and free wall (T, N, 2), both from the tricuspid valve to the apex."""

    septal: Floats
    free: Floats
    outer: Floats  # (T, 2 N, 2), closed

    @property
    def inner(self) -> Floats:
        return np.concatenate((self.septal, self.free[:, ::-1]), axis=1)

    @property
    def apex(self) -> Floats:
        apex: Floats = self.septal[:, -1]
        return apex

    @property
    def valve(self) -> Floats:
        middle: Floats = (self.septal[:, 0] + self.free[:, 0]) / 2
        return middle

    @property
    def into(self) -> Floats:
        """The way from the tricuspid valve to the apex, a unit vector."""
        return unit_direction(self.apex - self.valve)


@dataclass(frozen=True, eq=False)
class _Heart:
    """All that this plane cuts: outlines (T, N, 2) and points (T, 2), cm."""

    lv: Outline
    rv: _RightVentricle
    la: list[Floats]
    ra: list[Floats]
    crux: Floats  # where the septa and the two valves meet

    @property
    def mitral(self) -> Floats:
        middle: Floats = (self.lv.left_hinge + self.lv.right_hinge) / 2
        return middle

    @property
    def into(self) -> Floats:
        """The way from the mitral valve to the apex, a unit vector."""
        return unit_direction(self.lv.inner[:, self.lv.n_left - 1] - self.mitral)

    @property
    def defect(self) -> Floats:
        """Where a ventricular septal defect is, if there is one."""
        middle: Floats = (self.lv.inner[:, 5] + self.lv.outer[:, 5]) / 2
        return middle


def four_chamber(beat: Beat) -> Scene:
    """Return LV, RV, LA, RA with mitral and tricuspid valve; heart coordinates."""
    heart = _heart(beat)
    shapes = [
        *_behind(beat, heart),
        *_walls_and_cavities(heart),
        *_mitral_valve(beat, heart.lv, heart.into),
        *_tricuspid_valve(beat, heart.rv),
        *_treated(beat, heart),
    ]
    centre = (heart.mitral + heart.rv.valve) / 2 + np.array([0.0, 1.3])
    return Scene(tuple(shapes), _streams(beat, heart), (centre, 5.2, 4.2))


def _heart(beat: Beat) -> _Heart:
    """Cut the heart: atria lie below the ventricles, with a thin septum between them."""
    size, f, lv = beat.size, beat.findings, lv_outline(beat, left=240.0, right=60.0)
    rv = _right_ventricle(beat, lv)
    crux = (lv.left_hinge + lv.outer[:, 0]) / 2
    # the larger atrium pushes the septum over
    crowd = 0.25 * max(f.la_dilation - f.ra_dilation, 0) - 0.2 * max(f.ra_dilation - f.la_dilation, 0)
    la_middle = crux[:, 0] + 0.12 - crowd * 0.5 + size.la_radius
    ra_middle = crux[:, 0] - 0.14 - crowd * 0.5 - size.ra_radius
    low = crux[:, 1].max()
    la = atrium(lv.left_hinge, lv.right_hinge, la_middle, size.la_radius, low + size.la_length)
    ra = atrium(rv.free[:, 0], rv.septal[:, 0], ra_middle, size.ra_radius, low + size.ra_length)
    return _Heart(lv, rv, la, ra, crux)


def _right_ventricle(beat: Beat, lv: Outline) -> _RightVentricle:
    """Cut the right ventricle: along the septum's right side, its free wall bulges away from that."""
    size, squeeze = beat.size, contraction(beat.phase)
    base, top = 2, 14 if beat.findings.rv_dilation < 3 else 17  # points between tricuspid valve and RV apex
    septal = lv.outer[:, base:top]
    u = np.linspace(0.0, 1.0, top - base)[::-1]  # 1 at the base
    width = size.rv_width * (1.0 - 0.26 * squeeze)[:, None] * (u**0.62 * (1.12 - 0.22 * u**3))[None]
    free = septal + np.stack((-width, 0.16 * width), axis=2)
    outer = np.concatenate((septal, offset(free[:, ::-1], -size.rv_wall)), axis=1)
    return _RightVentricle(septal, free, outer)


def _behind(beat: Beat, heart: _Heart) -> list[Shape]:
    around = [Shape(grown(grown(heart.la[0], 0.20), 0.12), 118.0), Shape(grown(grown(heart.ra[0], 0.18), 0.12), 118.0)]
    return pericardium(beat, [heart.lv.outer, heart.rv.outer]) + around


def _walls_and_cavities(heart: _Heart) -> list[Shape]:
    lv, rv = heart.lv, heart.rv
    reach = rv.septal.shape[1] * 6 // 10
    moderator = np.stack((rv.septal[:, reach], rv.free[:, reach - 1]), axis=1)
    return [
        *(Shape(grown(part, 0.20), GreyLevel.WALL) for part in heart.la),
        *(Shape(grown(part, 0.18), GreyLevel.WALL) for part in heart.ra),
        Shape(rv.outer, GreyLevel.MUSCLE),
        Shape(lv.outer, GreyLevel.MUSCLE),
        *(Shape(part, GreyLevel.BLOOD) for part in (*heart.ra, *heart.la, rv.inner)),
        Shape(lv.inner, GreyLevel.BLOOD, lv=True),
        Shape(disc(lv.right_hinge + np.array([0.35, 0.1]), 0.42, 0.38), GreyLevel.FAT),
        Shape(disc(rv.free[:, 0] + np.array([-0.25, 0.05]), 0.34), GreyLevel.FAT),
        Shape(disc(heart.crux, 0.30, 0.42), GreyLevel.FIBROUS),
        Shape(band(moderator, 0.26), 96.0),
        Shape(disc(lv.inner[:, -10] + np.array([-0.18, 0.0]), 0.34, 0.8), 98.0),  # papillary muscle
    ]


def _mitral_valve(beat: Beat, lv: Outline, into: Floats) -> Sequence[Shape]:
    f, opening = beat.findings, mitral_opening(beat.phase)
    if f.prosthetic_valve and f.prosthesis == "mitral":
        return mechanical(lv.left_hinge, lv.right_hinge, into, opening)
    return atrioventricular(
        lv.left_hinge,
        lv.right_hinge,
        into,
        opening,
        stenosis=f.severity("ms"),
        gap=at_severity((0.0, 0.0, 0.06, 0.16, 0.32), f.severity("mr")),
        prolapse=0.5 * (f.mr_jet == "wall") * min(f.mr, 3) / 3,
        tether=0.10 * f.severity("lv_dilation"),
    )


def _tricuspid_valve(beat: Beat, rv: _RightVentricle) -> Sequence[Shape]:
    return atrioventricular(
        rv.free[:, 0],
        rv.septal[:, 0],
        rv.into,
        mitral_opening(beat.phase),
        meet=0.58,
        lengths=(1.7, 1.2),
        gap=at_severity((0.0, 0.0, 0.05, 0.18, 0.42), beat.findings.severity("tr")),
        level=GreyLevel.VALVE - 12,
    )


def _treated(beat: Beat, heart: _Heart) -> list[Shape]:
    """Marks of treatment that this plane cuts, and the defect of a shunt."""
    shapes: list[Shape] = []
    features, lv = beat.features, heart.lv
    if features.clip:
        shapes += clip(lv.left_hinge, lv.right_hinge, heart.into)
    if features.transplant:
        shapes += [*suture(heart.la[0], (1, 38)), *suture(heart.ra[0], (19, 22))]
    if features.lvad:
        shapes += cannula(lv.inner[:, lv.n_left - 1], -heart.into)
    if beat.findings.pacemaker:
        wire = _pacing_lead(heart.ra, heart.rv)
        shapes += [*lead(wire), *(coil(wire) if features.icd else ())]
    if features.shunt != "none":
        shapes += [Shape(disc(heart.defect, 0.42, 0.24), GreyLevel.BLOOD)]
    return shapes


def _pacing_lead(ra: list[Floats], rv: _RightVentricle) -> Floats:
    valve = rv.septal[:, 0] * 0.45 + rv.free[:, 0] * 0.55
    start = ra[0].mean(axis=1) + np.array([-0.5, 1.2])
    first = bezier(start, (start + valve) / 2 + np.array([-0.7, 0.0]), valve, 8)
    second = bezier(valve, (valve + rv.apex) / 2 + np.array([-0.35, 0.3]), rv.apex, 10)
    return np.concatenate((first, second[:, 1:]), axis=1)


def _streams(beat: Beat, heart: _Heart) -> tuple[Stream, ...]:
    f, size, frames = beat.findings, beat.size, beat.frames
    into, into_rv = heart.into, heart.rv.into
    jet = unit_direction(-point(0.55 if f.mr_jet == "wall" else -0.12, -1.0, frames))
    of_tr, of_shunt = unit_direction(point(0.22, 1.0, frames)), unit_direction(point(-0.74, -0.67, frames))
    return (
        *inflow(beat, heart.mitral, into, speed=0.75),
        *inflow(beat, heart.rv.valve, into_rv, speed=0.5, width=1.7),
        *stenotic_inflow(beat, f.severity("ms"), heart.mitral + into * 1.2, into),
        *leak(beat, f.severity("mr"), heart.mitral + into * 0.4, jet, "systole", size.la_length),
        *leak(beat, f.severity("tr"), heart.rv.valve + into_rv * 0.3, of_tr, "systole", size.ra_length),
        *shunt(beat, heart.defect, of_shunt),
    )
