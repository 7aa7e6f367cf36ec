"""Frames with the cavity drawn on them, as the head sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from echosearch.clip import Uint8
from echosearch.contour.outline import filled
from echosearch.contour.task import box_around, grey_frames
from echosearch.contour.values import SIDE, Floats, GreyCine
from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.files.cinefile import CinePlan
from echosearch.phantom.imaging.cine import frame_seconds, lv_outline_of, plan_cine, render_cine
from echosearch.phantom.imaging.ultrasound import sector_frame
from echosearch.phantom.patients.history import Level, PhantomStudy
from echosearch.preview.mask import fan_mask
from echosearch.preview.values import NoPreview
from echosearch.video import TISSUE, TWO_D, Region

__all__ = ["COLUMNS", "ROWS", "DrawnCine", "DrawnFrames", "apical_plans", "drawn_cine", "joined", "phantom_samples",
           "soft_mask"]  # fmt: skip

ROWS, COLUMNS = 240, 320  # of a phantom's cine
DRAWN = 24  # frames of a cine that are rendered for training, most of a beat
FINE = 4  # cells a pixel, each way, of a mask's edge


@dataclass(frozen=True)
class DrawnFrames:
    """Frames and masks, (N, SIDE, SIDE) uint8 each; a mask is 255 within the cavity, less on its edge."""

    frames: Uint8 = field(repr=False)
    masks: Uint8 = field(repr=False)

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, eq=False)
class DrawnCine:
    """A phantom's cine as the head sees it, and its true outlines (T, N, 2) in pixels of the square."""

    study: PhantomStudy
    view: str
    cine: GreyCine
    outlines: Floats | None = field(repr=False)
    phase: Floats = field(repr=False)  # (T,) cycles, whole numbers at end-diastole


def joined(parts: Iterable[DrawnFrames]) -> DrawnFrames:
    """Return all samples in one."""
    kept = list(parts)
    return DrawnFrames(np.concatenate([one.frames for one in kept]), np.concatenate([one.masks for one in kept]))


def soft_mask(outline: Floats) -> Uint8:
    """Return (SIDE, SIDE), 255 within (N, 2) points in pixels of the square, a share of it on the edge."""
    cells = filled(outline, FINE) * np.uint8(255)
    return np.asarray(cv2.resize(cells, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def apical_plans(study: PhantomStudy, most: int = 1) -> list[CinePlan]:
    """Return the B-mode cines of 4CH and 2CH, at most so many takes of each."""
    return [plan for plan in study_cines(study) if plan.view in ("4CH", "2CH") and not plan.color and plan.take < most]


def drawn_cine(study: PhantomStudy, plan: CinePlan, drawn: int | None = None) -> DrawnCine | None:
    """Render one cine of a phantom, ``drawn`` frames of it or all, and see it as a worker would; None without a fan."""
    pixels = render_cine(study, plan.view, plan.color, rows=ROWS, columns=COLUMNS, drawn=drawn, take=plan.take)
    planned = plan_cine(study, plan.view, plan.color, take=plan.take)
    mask = fan_mask(pixels, [Region(TWO_D, TISSUE, 0, 0, COLUMNS, ROWS)])
    if isinstance(mask, NoPreview):
        return None
    box = box_around(mask)
    grey = np.stack(list(grey_frames(pixels, box, mask)))
    _, _, scale = sector_frame(ROWS, COLUMNS, study.look.half_angle, planned.sector.zoom)
    cine = GreyCine(grey, box, True, 10 * planned.sector.depth / scale, frame_seconds(study, plan.color))
    outlines = lv_outline_of(study, planned, ROWS, COLUMNS)
    moved = None if outlines is None else box.to_square(outlines[: len(grey)])
    return DrawnCine(study, plan.view, cine, moved, planned.phase[: len(grey)])


def phantom_samples(patients: int, seed: int, level: Level, every: int = 6) -> DrawnFrames:
    """Return every ``every``-th of the first frames of the apical cines of so many patients."""
    frames: list[Uint8] = []
    masks: list[Uint8] = []
    for study in phantom_studies(patients, seed, level=level):
        for plan in apical_plans(study):
            made = drawn_cine(study, plan, DRAWN)
            if made is None or made.outlines is None:
                continue
            kept: Sequence[int] = range((study.number + plan.number) % every, DRAWN, every)
            frames += [made.cine.frames[at] for at in kept]
            masks += [soft_mask(made.outlines[at]) for at in kept]
    return DrawnFrames(np.stack(frames), np.stack(masks))
