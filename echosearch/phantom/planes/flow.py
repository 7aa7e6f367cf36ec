"""Blood on colour Doppler: normal inflow and outflow, jets of leaking and narrowed valves by grade."""

from __future__ import annotations

from typing import Literal

import numpy as np

from echosearch.phantom.heart.cycle import Floats, aortic_opening, contraction, mitral_opening
from echosearch.phantom.heart.findings import at_severity
from echosearch.phantom.planes.chambers import Beat
from echosearch.phantom.planes.scene import Stream

__all__ = ["ejection", "inflow", "leak", "shunt", "stenotic_ejection", "stenotic_inflow"]

_REACH = (0.0, 0.24, 0.42, 0.66, 0.92)  # jet length by grade, as a share of the receiving chamber
_WIDTH = (0.0, 0.55, 0.95, 1.6, 2.5)  # cm
_THROAT = (0.0, 0.16, 0.26, 0.44, 0.68)  # vena contracta, cm


def _during(beat: Beat, when: Literal["systole", "diastole"]) -> Floats:
    if when == "systole":  # from valve closure to mitral opening
        phase = np.mod(beat.phase, 1.0)
        edge: Floats = np.clip(np.minimum((phase - 0.015) / 0.04, (0.43 - phase) / 0.04), 0.0, 1.0)
        return edge
    return np.clip(1.0 - _during(beat, "systole") * 1.0, 0.0, 1.0)


def leak(
    beat: Beat, severity: float, origin: Floats, heading: Floats, when: Literal["systole", "diastole"], room: float
) -> list[Stream]:
    """Return a regurgitant jet into a chamber ``room`` cm long, with flow convergence before it from moderate on."""
    if severity == 0:
        return []
    active = _during(beat, when)
    shape = 0.75 + 0.25 * np.sin(np.pi * np.clip(np.mod(beat.phase, 1.0) / 0.43, 0, 1)) if when == "systole" else 1.0
    width = np.full(beat.frames, at_severity(_WIDTH, severity))
    jet = Stream(
        origin=origin,
        heading=heading,
        length=at_severity(_REACH, severity) * room * np.broadcast_to(shape, active.shape),
        width=width,
        speed=active * 2.4,
        turbulence=1.0,
        neck=at_severity(_THROAT, severity) / at_severity(_WIDTH, severity),
    )
    if severity < 2.5:
        return [jet]
    radius = at_severity((0.0, 0.0, 0.20, 0.35, 0.65), severity)
    convergence = Stream(
        origin=origin - heading * radius * 1.6,
        heading=heading,
        length=np.full(beat.frames, radius * 1.8),
        width=np.full(beat.frames, radius * 1.5),
        speed=active * 1.35,
        turbulence=0.25,
        neck=0.9,
    )
    return [convergence, jet]


def shunt(beat: Beat, defect: Floats, heading: Floats) -> list[Stream]:
    """Return the flow through a ventricular septal defect at ``defect`` (T, 2); ``heading`` is left to right.

    Flow from right to left has the same outline, times and speeds: its colour alone tells the two.
    """
    if beat.features.shunt == "none":
        return []
    sign = 1.0 if beat.features.shunt == "left-right" else -1.0
    return [
        Stream(
            origin=defect - heading * 1.5,
            heading=heading,
            length=np.full(beat.frames, 3.0),
            width=np.full(beat.frames, 1.3),
            speed=sign * 0.8 * _during(beat, "systole"),
            neck=0.9,
        )
    ]


def inflow(beat: Beat, valve: Floats, into: Floats, speed: float, width: float = 2.0) -> list[Stream]:
    """Return the filling of a ventricle through an open valve: laminar, E and A wave."""
    wave = mitral_opening(beat.phase)
    return [
        Stream(
            origin=valve - into * 0.8,
            heading=into,
            length=np.full(beat.frames, 5.0),
            width=np.full(beat.frames, width),
            speed=wave * speed,
            neck=0.85,
        )
    ]


def stenotic_inflow(beat: Beat, severity: float, orifice: Floats, into: Floats) -> list[Stream]:
    """Return mitral stenosis: a narrow mosaic candle flame through all of diastole."""
    if severity == 0:
        return []
    wave = np.maximum(mitral_opening(beat.phase), 0.8 * _during(beat, "diastole") * (mitral_opening(beat.phase) > 0.1))
    return [
        Stream(
            origin=orifice - into * 0.5,
            heading=into,
            length=np.full(beat.frames, 2.0 + 0.55 * severity),
            width=np.full(beat.frames, 1.0 + 0.16 * severity),
            speed=wave * (0.9 + 0.4 * severity),
            turbulence=at_severity((0.0, 0.25, 0.6, 0.85, 1.0), severity),
            neck=0.45,
        )
    ]


def ejection(beat: Beat, valve: Floats, out: Floats) -> list[Stream]:
    """Return the outflow towards the aorta: laminar, in systole."""
    wave = aortic_opening(beat.phase)
    return [
        Stream(
            origin=valve - out * 3.2,
            heading=out,
            length=np.full(beat.frames, 5.6),
            width=np.full(beat.frames, 1.7),
            speed=wave * 0.72,
            neck=1.0,
        )
    ]


def stenotic_ejection(beat: Beat, severity: float, valve: Floats, out: Floats) -> list[Stream]:
    """Return aortic stenosis: a mosaic jet from the cusps into the ascending aorta."""
    if severity == 0:
        return []
    wave = aortic_opening(beat.phase) * np.where(contraction(beat.phase) > 0, 1.0, 0.8)
    return [
        Stream(
            origin=valve + out * 0.4,
            heading=out,
            length=np.full(beat.frames, 2.2 + 0.45 * severity),
            width=np.full(beat.frames, 1.3 + 0.2 * severity),
            speed=wave * (0.9 + 0.4 * severity),
            turbulence=at_severity((0.0, 0.3, 0.65, 0.9, 1.0), severity),
            neck=at_severity((0.8, 0.7, 0.5, 0.38, 0.28), severity),
        )
    ]
