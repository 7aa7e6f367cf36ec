"""A patient's lasting heart, and how diseases reshape it: sizes in cm at end-diastole."""

from __future__ import annotations

from dataclasses import dataclass

from echosearch.phantom.heart.findings import Findings, at_severity

__all__ = ["Anatomy", "HeartSize", "heart_size"]

_DILATION = (1.0, 1.06, 1.17, 1.30, 1.45)  # linear, by grade
_RV_DILATION = (1.0, 1.10, 1.28, 1.50, 1.75)
_LENGTHENING = (1.0, 1.01, 1.04, 1.08, 1.12)  # a dilated ventricle grows rounder, not as much longer
_THICKENING = (0.0, 0.14, 0.34, 0.58, 0.85)  # cm


@dataclass(frozen=True)
class Anatomy:
    """The traits that a patient keeps from study to study. Factors are around 1, angles in radians."""

    body: float = 1.0  # all sizes
    lv_length: float = 1.0
    lv_radius: float = 1.0
    wall: float = 1.0
    la: float = 1.0
    ra: float = 1.0
    rv: float = 1.0
    aorta: float = 1.0
    apical_tilt: float = 0.0
    parasternal_tilt: float = 0.0
    depth: float = 1.0  # the heart's distance from the skin
    echogenicity: float = 0.0  # grey levels, of everything: how well sound goes in
    clutter: float = 1.0
    texture_seed: int = 0
    wobble_seed: int = 0  # trabeculation


@dataclass(frozen=True)
class HeartSize:
    """Sizes of one study's heart in cm, end-diastole (atria: end-systole)."""

    lv_length: float
    lv_radius: float
    wall: float
    la_radius: float
    la_length: float
    ra_radius: float
    ra_length: float
    rv_width: float
    rv_wall: float
    aorta_radius: float
    effusion: float  # thickness of the fluid layer


def heart_size(anatomy: Anatomy, findings: Findings) -> HeartSize:
    """Return the size of the patient's heart under these findings."""
    body, f = anatomy.body, findings
    thick = at_severity(_THICKENING, f.severity("lv_hypertrophy"))
    lv, la, ra = f.severity("lv_dilation"), f.severity("la_dilation"), f.severity("ra_dilation")
    return HeartSize(
        lv_length=7.8 * body * anatomy.lv_length * at_severity(_LENGTHENING, lv),
        lv_radius=2.42 * body * anatomy.lv_radius * at_severity(_DILATION, lv) - 0.30 * thick,
        wall=0.88 * body * anatomy.wall + thick,
        la_radius=1.80 * body * anatomy.la * at_severity(_DILATION, la),
        la_length=4.4 * body * anatomy.la * at_severity(_DILATION, la),
        ra_radius=1.75 * body * anatomy.ra * at_severity(_DILATION, ra),
        ra_length=4.2 * body * anatomy.ra * at_severity(_DILATION, ra),
        rv_width=2.85 * body * anatomy.rv * at_severity(_RV_DILATION, f.severity("rv_dilation")),
        rv_wall=0.38 * body,
        aorta_radius=1.5 * body * anatomy.aorta,
        effusion=at_severity((0.0, 0.35, 0.75, 1.25, 1.9), f.severity("pericardial_effusion")),
    )
