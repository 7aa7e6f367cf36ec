"""Contact sheets: every view and every finding on one picture, so that a person can see whether they look right.

Motion findings show end-diastole and end-systole side by side; jets show the phase in which they flow.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from echosearch.clip import Uint8
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.imaging.cine import OTHER_VIEWS, display_curve, plan_cine, render_cine
from echosearch.phantom.imaging.doppler import color_table
from echosearch.phantom.patients.history import PhantomStudy, patient_history
from echosearch.phantom.patients.machine import LOOKS

__all__ = ["contact_sheet", "frame_at", "save_sheet", "view_sheet"]

_DIASTOLE, _SYSTOLE, _FILLING, _LATE = 0.0, 0.37, 0.5, 0.72
_EJECTION = 0.22

# what, findings, view, phase, colour
_FINDINGS: tuple[tuple[str, Findings, str, float, bool], ...] = (
    ("EF 20, LV dilation 4: ED", Findings(ef=20, lv_dilation=4), "4CH", _DIASTOLE, False),
    ("EF 20, LV dilation 4: ES", Findings(ef=20, lv_dilation=4), "4CH", _SYSTOLE, False),
    ("LV hypertrophy 4", Findings(lv_hypertrophy=4), "SAX", _DIASTOLE, False),
    ("LV hypertrophy 4", Findings(lv_hypertrophy=4), "LAX", _DIASTOLE, False),
    ("wall motion LAD 4: ED", Findings(ef=42, wall_motion=4), "2CH", _DIASTOLE, False),
    ("wall motion LAD 4: ES", Findings(ef=42, wall_motion=4), "2CH", _SYSTOLE, False),
    ("wall motion RCA 3: ED", Findings(ef=48, wall_motion=3, territory="RCA"), "SAX", _DIASTOLE, False),
    ("wall motion RCA 3: ES", Findings(ef=48, wall_motion=3, territory="RCA"), "SAX", _SYSTOLE, False),
    ("dyssynchrony 4: flash", Findings(ef=35, dyssynchrony=4), "4CH", 0.10, False),
    ("dyssynchrony 4: ES", Findings(ef=35, dyssynchrony=4), "4CH", 0.33, False),
    ("MR 1", Findings(mr=1), "4CH", _EJECTION, True),
    ("MR 2", Findings(mr=2), "4CH", _EJECTION, True),
    ("MR 4", Findings(mr=4, la_dilation=3), "4CH", _EJECTION, True),
    ("MR 4 eccentric", Findings(mr=4, mr_jet="wall", la_dilation=2), "LAX", _EJECTION, True),
    ("AR 2", Findings(ar=2), "LAX", _LATE, True),
    ("AR 4", Findings(ar=4, lv_dilation=2), "3CH", _LATE, True),
    ("TR 4, RA and RV dilation 4", Findings(tr=4, ra_dilation=4, rv_dilation=4), "4CH", _EJECTION, True),
    ("RV dilation 4", Findings(rv_dilation=4), "SAX", _DIASTOLE, False),
    ("AS 4", Findings(aortic_stenosis=4), "LAX", _EJECTION, False),
    ("AS 4", Findings(aortic_stenosis=4), "3CH", _EJECTION, True),
    ("MS 4, LA dilation 4", Findings(ms=4, la_dilation=4), "4CH", _FILLING, False),
    ("MS 4", Findings(ms=4, la_dilation=3), "LAX", _FILLING, False),
    ("MS 4", Findings(ms=4, la_dilation=3), "4CH", 0.55, True),
    ("LA dilation 4", Findings(la_dilation=4), "2CH", _SYSTOLE, False),
    ("pericardial effusion 4", Findings(pericardial_effusion=4), "4CH", _SYSTOLE, False),
    ("pericardial effusion 3", Findings(pericardial_effusion=3), "LAX", _DIASTOLE, False),
    ("pericardial effusion 2", Findings(pericardial_effusion=2), "SAX", _SYSTOLE, False),
    ("pacemaker lead", Findings(pacemaker=4), "4CH", _DIASTOLE, False),
    ("prosthetic mitral valve", Findings(prosthetic_valve=4), "4CH", _FILLING, False),
    ("prosthetic aortic valve", Findings(prosthetic_valve=4, prosthesis="aortic"), "LAX", _EJECTION, False),
)


def frame_at(study: PhantomStudy, view: str, phase: float, color: bool = False, other: str | None = None) -> Uint8:
    """Return the frame nearest to a phase of the heartbeat: (240, 320, 3) uint8."""
    beats = plan_cine(study, view, color, other=other).phase
    away = np.abs((beats - phase + 0.5) % 1.0 - 0.5)
    frame: Uint8 = render_cine(study, view, color, other=other)[int(away.argmin())]
    return frame


def view_sheet(out_png: Path, seed: int, shrink: float = 0.75) -> None:
    """Draw all views of a healthy heart at end-diastole, end-systole and early filling; the machines; colour."""
    heart = _heart(seed)
    tiles = []
    for view in ("4CH", "2CH", "3CH", "LAX", "SAX"):
        for label, phase in (("ED", _DIASTOLE), ("ES", _SYSTOLE), ("filling", _FILLING)):
            tiles.append((f"{view} {label}", frame_at(heart, view, phase)))
        tiles.append((f"{view} {LOOKS[3].manufacturer}", frame_at(replace(heart, look=LOOKS[3]), view, _DIASTOLE)))
    tiles += [(f"Other: {other.lower()}", frame_at(heart, "Other", _DIASTOLE, other=other)) for other in OTHER_VIEWS]
    tiles.append(("4CH colour, filling", frame_at(heart, "4CH", _FILLING, color=True)))
    save_sheet(out_png, tiles, columns=4, shrink=shrink)


def contact_sheet(out_png: Path, seed: int, shrink: float = 0.62) -> None:
    """Draw every finding in a view that shows it, on one patient's anatomy."""
    heart = _heart(seed)
    tiles = []
    for number, (label, findings, view, phase, color) in enumerate(_FINDINGS):
        study = replace(heart, findings=findings, look=LOOKS[number // 2 % len(LOOKS)])
        tiles.append((f"{label} ({view})", frame_at(study, view, phase, color)))
    save_sheet(out_png, tiles, columns=6, shrink=shrink)


def _heart(seed: int) -> PhantomStudy:
    first = patient_history(seed, 1)[0]
    return replace(first, findings=Findings(), study_date=date(2020, 1, 1), look=LOOKS[0])


def save_sheet(out_png: Path, tiles: list[tuple[str, Uint8]], columns: int, shrink: float) -> None:
    """Write labelled pictures of one size as one PNG of few colours."""
    drawn = []
    for label, frame in tiles:
        small = cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        strip = np.full((16, small.shape[1], 3), 32, np.uint8)
        cv2.putText(strip, label, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 230, 120), 1, cv2.LINE_AA)
        drawn.append(np.vstack((strip, small)))
    drawn += [np.zeros_like(drawn[0])] * (-len(drawn) % columns)
    rows = [np.hstack(drawn[i : i + columns]) for i in range(0, len(drawn), columns)]
    sheet = Image.fromarray(np.vstack(rows)).quantize(palette=_palette(), dither=Image.Dither.NONE)
    sheet.save(out_png, optimize=True)


def _palette() -> Image.Image:
    """Few greys in each machine's tint and the flow colours: speckle packs badly in true colour."""
    colors = [display_curve(look)[:: 255 // 15, 0] for look in LOOKS]
    colors += [
        np.clip(color_table(which)[::8] + np.array([0, green, 0]), 0, 255) for which in (0, 1) for green in (0, 90)
    ]
    colors += [np.array([(*look.ecg,) for look in LOOKS]), np.array([[255, 230, 120], [140, 125, 66], [235, 235, 235]])]
    holder = Image.new("P", (1, 1))
    holder.putpalette(np.concatenate(colors).astype(np.uint8).tobytes())
    return holder
