"""The tasks of a worker: one untrusted file in; the grey cine that the head sees out, or two of its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from echosearch.clip import Uint8
from echosearch.contour.values import SIDE, Box, GreyCine
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.preview.mask import fan_mask
from echosearch.preview.values import NoPreview, Refusal
from echosearch.reading.dicom import ShownCine
from echosearch.reading.source import open_shown
from echosearch.video import TISSUE, TWO_D, Region
from echosearch.workers.tasks import faults_as_values, has_changed

__all__ = ["GreyTask", "PictureTask", "box_around", "grey_frames", "load_grey", "load_pictures"]

MOST_FRAMES = 4000  # 50 MB of an answer


@dataclass(frozen=True)
class GreyTask:
    """One file; ``size`` and ``mtime_ns`` are as when its header was read, None for a file that is not ingested."""

    path: Path = field(repr=False)
    size: int | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True)
class PictureTask(GreyTask):
    """The same, and which of its frames are wanted, ascending."""

    frames: tuple[int, ...] = ()


@faults_as_values
def load_grey(task: GreyTask) -> GreyCine | Skipped | Quarantined:
    """Return the cine as the head sees it; every fault of the file is a value. A MemoryError passes."""
    if has_changed(task.path, task.size, task.mtime_ns):
        return Quarantined(Reason.CHANGED, "the file changed after its header was read")
    cine = open_shown(task.path)
    mask, masked = _mask(cine)
    box = box_around(mask)
    frames = np.stack(list(grey_frames(_frames(cine), box, mask)))
    seconds = None if cine.times is None else cine.times[-1] / cine.source.n_frames
    seconds = seconds or cine.source.frame_seconds
    return GreyCine(frames, box, masked, _mm_per_pixel(cine.regions), seconds, cine.stretch)


@faults_as_values
def load_pictures(task: PictureTask) -> Uint8 | Skipped | Quarantined:
    """Return the wanted frames within the fan alone, (N, H, W, 3) uint8; MASK_FAILED if the file declares none."""
    if has_changed(task.path, task.size, task.mtime_ns):
        return Quarantined(Reason.CHANGED, "the file changed after its header was read")
    cine = open_shown(task.path)
    mask, masked = _mask(cine)
    if not masked:
        return Quarantined(Reason.MASK_FAILED, "the file declares no box of a 2D picture")
    box = box_around(mask)
    place = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
    wanted = cine.source.frames(task.frames)
    return np.stack([cv2.bitwise_and(frame[place], frame[place], mask=mask[place]) for frame in wanted])


def box_around(mask: Uint8) -> Box:
    """Return the box around what is set in a mask (H, W)."""
    return Box(*cv2.boundingRect(mask))


def grey_frames(frames: Iterable[Uint8], box: Box, mask: Uint8) -> Iterator[Uint8]:
    """Yield (SIDE, SIDE) grey of each (H, W, 3) frame: the box of it where ``mask`` is set, its longer side to SIDE."""
    inner = mask[box.y : box.y + box.height, box.x : box.x + box.width]
    size = (max(round(box.width * box.shrink), 1), max(round(box.height * box.shrink), 1))
    left, top = (round(margin) for margin in box.margin)
    for frame in frames:
        grey = cv2.cvtColor(frame[box.y : box.y + box.height, box.x : box.x + box.width], cv2.COLOR_RGB2GRAY)
        small = cv2.resize(cv2.bitwise_and(grey, grey, mask=inner), size, interpolation=cv2.INTER_AREA)
        square = np.zeros((SIDE, SIDE), np.uint8)
        square[top : top + size[1], left : left + size[0]] = small[: SIDE - top, : SIDE - left]
        yield square


def _frames(cine: ShownCine) -> Iterator[Uint8]:
    """Yield every frame. Raises FileRefused: TOO_LARGE, and DECODE_FAILED if a promised frame does not come."""
    promised = cine.source.n_frames
    if promised > MOST_FRAMES:
        raise FileRefused(Quarantined(Reason.TOO_LARGE, f"{promised} frames, a contour is drawn on {MOST_FRAMES}"))
    done = 0
    for frame in cine.source.frames(range(promised)):
        done += 1
        yield frame
    if done < promised:
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"{done} of {promised} frames could be decoded"))


def _mask(cine: ShownCine) -> tuple[Uint8, bool]:
    """Return where the cine is looked at, as previews are masked, and True; all of it and False if no box is declared.

    Raises FileRefused(MASK_FAILED) if a box is declared and nothing in it is a fan.
    """
    mask = fan_mask(_frames(cine), cine.regions)
    if not isinstance(mask, NoPreview):
        return mask, True
    if mask.reason != Refusal.NO_BOX:
        raise FileRefused(Quarantined(Reason.MASK_FAILED, mask.detail))
    first = next(iter(cine.source.frames([0])))
    return np.full(first.shape[:2], 255, np.uint8), False


def _mm_per_pixel(regions: Iterable[Region]) -> float | None:
    """Of the 2D tissue box; None if there is none, or two do not agree."""
    known = {box.mm_per_pixel for box in regions if (box.spatial_format, box.data_type) == (TWO_D, TISSUE)}
    return next(iter(known)) if len(known) == 1 else None
