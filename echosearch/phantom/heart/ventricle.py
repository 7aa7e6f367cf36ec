"""The left ventricle in three dimensions: every view is a cut through this one, so that the views agree.

    z    0 at the mitral annulus, 1 at the apex
    phi  clockwise as seen in the short axis, 0 at the middle of the anterior wall:
         anterior 0, anterolateral 60, inferolateral 120, inferior 180, inferoseptal 240, anteroseptal 300 degrees

The drawn volumes give the stated EF: the radial gain is solved for it, whatever territory does not move.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from echosearch.phantom.heart.anatomy import HeartSize
from echosearch.phantom.heart.cycle import Floats, contraction, early_notch
from echosearch.phantom.heart.findings import Findings, at_severity

__all__ = ["CHORDS", "Surface", "lv_diastolic_diameter", "lv_surface", "lv_volume"]

CHORDS = 0.3  # z at which diameters are measured: the tips of the mitral leaflets

_TERRITORY = {"LAD": (330.0, 0.30, 1.01), "RCA": (195.0, -0.01, 0.75), "LCX": (95.0, -0.01, 0.75)}  # phi, z from, z to
_HALF_WIDTH = (0.0, 45.0, 52.0, 60.0, 68.0)  # degrees, by grade
_LOSS = (0.0, 0.40, 0.75, 1.0, 1.25)  # share of the motion that is lost; above 1 the wall bulges
_SHORTENING = 0.24  # longitudinal shortening per unit of EF: 15 % at an EF of 62 %


@dataclass(frozen=True)
class Surface:
    """The inner surface and the wall over time; cm."""

    radius: Floats  # (T, Z, P)
    wall: Floats  # (T, Z, P)
    length: Floats  # (T,)


def lv_surface(size: HeartSize, findings: Findings, phase: Floats, z: Floats, phi: Floats) -> Surface:
    """Cut the beating ventricle: phase (T,), z (Z,), phi in degrees (P,)."""
    gain = _radial_gain(size.lv_length, size.lv_radius, findings)
    return _surface(size.lv_length, size.lv_radius, size.wall, findings, gain, phase, z, phi)


def lv_volume(size: HeartSize, findings: Findings, phase: Floats) -> Floats:
    """Return the cavity volume in ml over phase (T,)."""
    gain = _radial_gain(size.lv_length, size.lv_radius, findings)
    return _volume(size.lv_length, size.lv_radius, findings, gain, phase)


def lv_diastolic_diameter(size: HeartSize) -> float:
    """Return the inner diameter at the chords before motion, in cm. Reports and measurements give this one."""
    return float(2 * size.lv_radius * _profile(np.array(CHORDS)))


def _profile(z: Floats) -> Floats:
    """Radius at z, 1 at the widest."""
    narrower: Floats = 0.88 + 0.12 * np.sin(np.clip(z / 0.4, 0, 1) * np.pi / 2)
    return np.sqrt(np.clip(1.0 - z**2.4, 0.0, 1.0)) * narrower


def _surface(
    length0: float, radius0: float, wall0: float, f: Findings, gain: float, phase: Floats, z: Floats, phi: Floats
) -> Surface:
    profile = _profile(z)
    late = at_severity((0.0, 1.2, 2.6, 3.5, 4.4), f.severity("dyssynchrony"))
    lag = 0.030 * late * np.cos(np.radians(phi - 90.0))  # lateral wall late, septum early
    moved = contraction(phase[:, None] - lag[None, :])  # (T, P)
    flash = 0.048 * late * early_notch(phase)[:, None] * np.clip(np.cos(np.radians(phi - 270.0)), 0, 1)[None]
    share = _motion_share(f, z, phi)  # (Z, P)
    radius_ed = radius0 * profile[None, :, None]
    inward = gain * share[None] * moved[:, None, :] + flash[:, None, :] * np.clip(1.2 - z, 0, 1)[None, :, None]
    radius = radius_ed * (1.0 - inward)
    shortening = _SHORTENING * f.ef / 100.0
    length = length0 * (1.0 - shortening * contraction(phase))
    thin = 1.0 - 0.30 * (f.wall_motion >= 3) * np.clip(1.0 - share, 0, 1)  # an old scar is thin
    wall_ed = wall0 * (1.0 - 0.35 * z**2)[:, None] * (1.0 + 0.06 * np.cos(np.radians(phi - 270.0)))[None] * thin
    # muscle keeps its volume: what the ring loses in length and radius it gains in thickness
    ring = (wall_ed**2 + 2.0 * wall_ed * radius_ed) * (length0 / length)[:, None, None]
    wall = np.sqrt(radius**2 + ring) - radius
    return Surface(radius=radius, wall=wall, length=length)


def _motion_share(f: Findings, z: Floats, phi: Floats) -> Floats:
    """How much of the normal inward motion each place keeps: 1 all, 0 none, below 0 bulging. (Z, P)."""
    if f.wall_motion == 0:
        return np.ones((len(z), len(phi)))
    centre, low, high = _TERRITORY[f.territory]
    away = np.abs((phi - centre + 180.0) % 360.0 - 180.0)
    around = 1.0 / (1.0 + np.exp((away - at_severity(_HALF_WIDTH, f.severity("wall_motion"))) / 6.0))
    along = 1.0 / (1.0 + np.exp((low - z) / 0.04)) / (1.0 + np.exp((z - high) / 0.04))
    share: Floats = 1.0 - at_severity(_LOSS, f.severity("wall_motion")) * along[:, None] * around[None, :]
    return share


def _volume(length0: float, radius0: float, f: Findings, gain: float, phase: Floats) -> Floats:
    z = np.linspace(0.0, 1.0, 25)
    phi = np.arange(0.0, 360.0, 15.0)
    cut = _surface(length0, radius0, 1.0, f, gain, phase, z, phi)
    area = np.pi * (cut.radius**2).mean(axis=2)  # (T, Z)
    volume: Floats = np.trapezoid(area, z, axis=1) * cut.length
    return volume


@lru_cache(maxsize=256)
def _radial_gain(length0: float, radius0: float, f: Findings) -> float:
    """Radial motion at which the cavity's smallest volume is (1 - EF) of its end-diastolic one."""
    phase = np.linspace(0.0, 0.6, 25)
    low, high = 0.0, 0.85
    for _ in range(16):
        gain = (low + high) / 2
        volume = _volume(length0, radius0, f, gain, phase)
        if volume.min() > volume[0] * (1.0 - f.ef / 100.0):
            low = gain
        else:
            high = gain
    return (low + high) / 2
