"""One cine of one phantom study: anatomy -> scan plane -> ultrasound -> frames.

render_cine(study, "4CH")                (48, 240, 320, 3) uint8, B-mode
render_cine(study, "3CH", color=True)    the same with a colour box
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from echosearch.clip import PictureScale, Uint8
from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.cycle import Floats, ecg
from echosearch.phantom.heart.features import bounce, reversible
from echosearch.phantom.heart.rhythm import phase_between, r_waves
from echosearch.phantom.imaging.acquisition import Acquisition, drawn_acquisition, moved_out_of_plane
from echosearch.phantom.imaging.doppler import ColorFlow, box_outline, color_box, color_table
from echosearch.phantom.imaging.ultrasound import Sector, beam_frames, scan_convert, sector_frame
from echosearch.phantom.patients.hard_study import HardStudy
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.machine import Look
from echosearch.phantom.planes.chambers import Beat
from echosearch.phantom.planes.four_chamber import four_chamber
from echosearch.phantom.planes.long_axis import long_axis
from echosearch.phantom.planes.other_views import aortic_arch, subcostal, vena_cava
from echosearch.phantom.planes.scene import Scene, place
from echosearch.phantom.planes.short_axis import short_axis
from echosearch.phantom.planes.two_chamber import two_chamber

__all__ = [
    "OTHER_VIEWS",
    "VIEWS",
    "Cine",
    "box_of",
    "display_curve",
    "frame_seconds",
    "lv_outline_of",
    "picture_scale",
    "plan_cine",
    "render_cine",
]

VIEWS = ("LAX", "SAX", "2CH", "3CH", "4CH", "Other")
OTHER_VIEWS = ("SUBCOSTAL", "IVC", "ARCH")  # what "Other" may be


@dataclass(frozen=True, eq=False)
class Cine:
    """A cine that is ready to be drawn."""

    scene: Scene
    sector: Sector
    phase: Floats  # (T,) cycles, from 0 or more on
    rng: np.random.Generator
    taken: Acquisition | None = None  # of a hard phantom
    waves: tuple[float, ...] = ()  # of a hard phantom: R waves within the cine, seconds after its first frame


def frame_seconds(study: PhantomStudy, color: bool) -> float:
    """Time from one frame to the next: colour costs frame rate."""
    return round(study.look.frame_seconds * (1.5 if color else 1.0), 5)


def plan_cine(
    study: PhantomStudy, view: str, color: bool = False, frames: int = 48, other: str | None = None, take: int = 0
) -> Cine:
    """Return the plan of a cine, all but its pixels. Raises ValueError on an unknown view.

    ``take``: a hard phantom's view is taken more than once, each time another way.
    """
    if view not in VIEWS:
        raise ValueError(f"view {view!r} is not one of {', '.join(VIEWS)}")
    if study.hard is not None:
        return _hard_cine(study, study.hard, view, color, frames, other or study.other_view, take)
    rng = np.random.default_rng([study.seed, study.patient, study.number, VIEWS.index(view), int(color)])
    step = frame_seconds(study, color) * study.heart_rate / 60.0
    phase: Floats = rng.uniform(0.0, 1.0) + step * np.arange(frames, dtype=np.float64)
    size = heart_size(study.anatomy, study.findings)
    beat = Beat(study.anatomy, study.findings, size, phase)
    heart, angle, shift, depth = _plane(study, beat, view, other or study.other_view)
    # breathing and an unsteady hand
    drift = np.stack([0.12 * np.sin(phase * rng.uniform(0.8, 1.4) + rng.uniform(0, 6)) for _ in range(2)], axis=1)
    offset = np.asarray(shift) + rng.normal(0, (0.22, 0.15)) + drift
    scene = place(heart, angle + rng.normal(0, 0.045), offset)
    return Cine(scene, Sector(depth * study.depth_setting, study.look.half_angle), phase, rng)


def _hard_cine(
    study: PhantomStudy, hard: HardStudy, view: str, color: bool, frames: int, other: str, take: int
) -> Cine:
    rng = np.random.default_rng([study.seed, study.patient, study.number, VIEWS.index(view), int(color), take, 8800])
    taken = drawn_acquisition(hard.window, view, color, rng)
    times: Floats = frame_seconds(study, color) * np.arange(frames, dtype=np.float64)
    waves = r_waves(hard.rhythm, study.heart_rate, rng)
    phase = phase_between(times, waves, hard.rhythm)
    features = hard.features
    inward, beating = None, phase
    if features.septal != "none":
        inward, beating = bounce(features.septal, phase), reversible(phase)
    beat = Beat(study.anatomy, study.findings, heart_size(study.anatomy, study.findings), beating, features, inward)
    heart, angle, shift, depth = _plane(study, beat, view, other)
    cut = moved_out_of_plane(heart, taken, times, float(rng.uniform()), upright=view == "SAX")
    drift = np.stack([0.12 * np.sin(times * rng.uniform(0.9, 1.6) + rng.uniform(0, 6)) for _ in range(2)], axis=1)
    offset = np.asarray(shift) + rng.normal(0, (0.35, 0.2)) + drift
    scene = place(cut, angle + taken.tilt, offset)
    sector = Sector(float(round(depth * study.depth_setting * taken.depth)), study.look.half_angle, taken.zoom)
    seen = waves[(waves >= 0) & (waves <= times[-1])]
    return Cine(scene, sector, phase, rng, taken, tuple(float(wave) for wave in seen))


def _plane(study: PhantomStudy, beat: Beat, view: str, other: str) -> tuple[Scene, float, tuple[float, float], float]:
    """Return the scene in the heart's coordinates, its turn, its origin, and a depth that shows it; cm."""
    a, size = study.anatomy, beat.size
    reach = size.lv_length + size.wall + max(size.la_length, size.ra_length)
    apex = 1.5 * a.depth + size.effusion * 0.6
    apical = apex + reach + 1.6
    shift_right = 1.0 - 0.45 * (size.lv_radius - 2.42)
    match view:
        case "4CH":
            return four_chamber(beat), a.apical_tilt - 0.09, (shift_right, apex), apical
        case "2CH":
            return two_chamber(beat), a.apical_tilt, (0.1, apex), apical
        case "3CH":
            return long_axis(beat, parasternal=False), a.apical_tilt + 0.05, (-0.2, apex), apical
        case "LAX":
            angle = -1.42 + a.parasternal_tilt
            base = 1.5 * a.depth + size.rv_width * 0.86 + size.wall + size.lv_radius + size.effusion * 0.5
            shift = (-(size.lv_length + size.wall) * 0.93, base - 0.4 + 1.1)
            return (
                long_axis(beat, parasternal=True),
                angle,
                shift,
                base + size.lv_radius + size.wall + 4.6 + 0.4 * size.effusion,
            )
        case "SAX":
            centre = 1.7 * a.depth + size.rv_width * 0.45 + size.wall + size.lv_radius + size.effusion
            return (
                short_axis(beat),
                a.parasternal_tilt * 0.5,
                (size.rv_width * 0.28, centre + 0.6),
                centre + size.lv_radius + size.wall + 3.2,
            )
        case _:
            if other == "IVC":
                return vena_cava(beat), 0.0, (0.0, 0.0), 14.5
            if other == "ARCH":
                return aortic_arch(beat), 0.0, (0.0, 0.0), 13.5
            return subcostal(beat), 0.0, (0.0, 0.0), 19.5 * max(1.0, size.la_radius / 2.6)


def render_cine(
    study: PhantomStudy,
    view: str,
    color: bool = False,
    frames: int = 48,
    rows: int = 240,
    columns: int = 320,
    other: str | None = None,
    drawn: int | None = None,
    take: int = 0,
) -> Uint8:
    """Draw a cine: (frames, rows, columns, 3) uint8 true RGB, always the same for the same arguments.

    ``other`` chooses what the view "Other" is (OTHER_VIEWS); by default the study's own choice. ``drawn``: only that
    many of its first frames, as they would be in the whole cine. ``take`` as in plan_cine.
    """
    cine = plan_cine(study, view, color, frames, other, take)
    look, zoom = study.look, cine.sector.zoom
    curve = display_curve(look)
    over = _graphics(study, cine, color, rows, columns)
    painted = over.max(axis=2)
    window = _around(box_of(study, cine, rows, columns), rows, columns)
    flow = ColorFlow(cine.scene, cine.sector, look.color_map, cine.rng) if color else None
    out = np.empty((min(frames, drawn or frames), rows, columns, 3), np.uint8)
    step = frame_seconds(study, color)
    beams = beam_frames(cine.scene, cine.sector, look, cine.rng, study.anatomy, cine.taken, step)
    for t, (grey, levels) in zip(range(len(out)), beams, strict=False):
        tissue = np.clip(grey, 0, 255, out=grey).astype(np.uint8)
        sector = scan_convert(tissue, rows, columns, look.half_angle, zoom=zoom)
        picture = np.asarray(cv2.applyColorMap(sector, curve), np.uint8)
        if flow is not None:
            colors, shown = flow.frame(t, levels)
            colors = scan_convert(colors, rows, columns, look.half_angle, window, zoom)
            mask = scan_convert(shown, rows, columns, look.half_angle, window, zoom) & 128
            np.copyto(picture[window], colors, where=mask[..., None] > 0)
        cv2.copyTo(over, painted, picture)
        if cine.taken is None:  # a hard phantom's frame does not say when it is
            now = int(columns * (0.06 + 0.88 * t / max(frames - 1, 1)))  # where the beat is on the ECG
            cv2.line(picture, (now, int(rows * 0.90)), (now, int(rows * 0.985)), (235, 235, 235), 1)
        out[t] = picture
    return out


def picture_scale(sector: Sector, rows: int, columns: int) -> PictureScale:
    """Return how long a pixel of a drawn picture is, and where its probe is."""
    x0, y0, scale = sector_frame(rows, columns, sector.half_angle, sector.zoom)
    size = rows, columns
    return PictureScale(10 * sector.depth / scale, round(x0), round(y0), size)  # as a file's reference pixel says it


def display_curve(look: Look) -> Uint8:
    """Return RGB by grey level, (256, 1, 3): contrast around the middle, then the machine's tint."""
    x = np.linspace(0.0, 1.0, 256)
    bent = np.clip(x**look.contrast * 1.04 - 0.012, 0.0, 1.0)
    bent[0] = 0.0
    tint: NDArray[np.float64] = np.power(bent[:, None], 1.0 / np.asarray(look.tint)[None]) * 255.0
    return tint.round().astype(np.uint8)[:, None]


def _graphics(study: PhantomStudy, cine: Cine, color: bool, rows: int, columns: int) -> Uint8:
    """What the machine writes around the picture: depth marks, colour bar and box, and that this is synthetic."""
    over = np.zeros((rows, columns, 3), np.uint8)
    _, y0, scale = sector_frame(rows, columns, study.look.half_angle, cine.sector.zoom)
    for cm in range(int(cine.sector.depth) + 1):
        y = round(y0 + cm / cine.sector.depth * scale)
        long = 6 if cm % 5 == 0 else 3
        cv2.line(over, (columns - 2 - long, y), (columns - 3, y), (150, 150, 150), 1)
    cv2.putText(over, "SYNTHETIC", (3, 9), cv2.FONT_HERSHEY_PLAIN, 0.6, (140, 140, 140), 1, cv2.LINE_AA)
    cv2.putText(over, study.look.manufacturer, (3, 18), cv2.FONT_HERSHEY_PLAIN, 0.6, (120, 120, 120), 1, cv2.LINE_AA)
    if color:
        bar = cv2.resize(color_table(study.look.color_map)[::-1, None], (7, rows // 4), interpolation=cv2.INTER_NEAREST)
        over[12 : 12 + len(bar), columns - 24 : columns - 17] = bar
        line = box_of(study, cine, rows, columns)
        cv2.polylines(over, [np.round(line * 16).astype(np.int32)], False, (210, 210, 210), 1, cv2.LINE_AA, 4)
    trace = np.linspace(0, len(cine.phase) - 1, 160)
    atria = 0.0 if study.hard and study.hard.rhythm == "af" else 1.0
    beats = np.interp(trace, np.arange(len(cine.phase)), cine.phase)
    line = np.stack(
        (np.linspace(columns * 0.06, columns * 0.94, 160), rows * (0.965 - 0.055 * ecg(beats, atria))), axis=1
    )
    cv2.polylines(over, [np.round(line * 16).astype(np.int32)], False, study.look.ecg, 1, cv2.LINE_AA, 4)
    return over


def box_of(study: PhantomStudy, cine: Cine, rows: int, columns: int) -> Floats:
    """Return the colour box's outline in pixels, (N, 2) column and row."""
    x0, y0, scale = sector_frame(rows, columns, study.look.half_angle, cine.sector.zoom)
    line: Floats = box_outline(color_box(cine.scene, cine.sector), cine.sector) * scale + np.array([x0, y0])
    return line


def lv_outline_of(study: PhantomStudy, cine: Cine, rows: int, columns: int) -> Floats | None:
    """Return the left ventricle's cavity in pixels, (T, N, 2) column and row: from hinge over apex to hinge.

    The mitral valve closes it as a straight line; papillary muscles are inside. None for a view that is not apical.
    """
    if cine.scene.lv is None:
        return None
    x0, y0, scale = sector_frame(rows, columns, study.look.half_angle, cine.sector.zoom)
    outline: Floats = cine.scene.lv / cine.sector.depth * scale + np.array([x0, y0])
    return outline


def _around(line: Floats, rows: int, columns: int) -> tuple[slice, slice]:
    """The part of an image that a line encloses."""
    (left, top), (right, bottom) = np.floor(line.min(axis=0)).astype(int), np.ceil(line.max(axis=0)).astype(int) + 1
    return slice(max(top, 0), min(bottom, rows)), slice(max(left, 0), min(right, columns))
