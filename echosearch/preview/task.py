"""The task of a worker: one file in, its masked MP4 and poster out. No value but these leaves the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from echosearch.clip import FrameSource, Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.preview.encode import encode_mp4, to_ticks
from echosearch.preview.mask import fan_mask
from echosearch.preview.values import SIZES, UNTIMED_SECONDS, MadePreview, NoPreview, PreviewSize, Refusal
from echosearch.reading.source import open_shown
from echosearch.workers.tasks import has_changed

__all__ = ["PreviewTask", "make_preview", "shrinking"]

KEPT_BYTES = 512 * 1024**2  # a cine of up to this size is decoded once, a larger one once more after its mask is known
MAX_BYTES = 48 * 1024**2  # of an MP4: what a worker may answer is 64 MiB
POSTER_QUALITY = 80
COLOURED = 40  # spread of a pixel's channels above which it is flow


@dataclass(frozen=True)
class PreviewTask:
    """One file; ``size`` and ``mtime_ns`` are as when its header was read."""

    path: Path = field(repr=False)
    size: int
    mtime_ns: int
    shown_as: PreviewSize


def make_preview(task: PreviewTask) -> MadePreview | NoPreview:
    """Make a preview; every fault of the file is a value. A MemoryError passes: the pool counts a death."""
    try:
        if has_changed(task.path, task.size, task.mtime_ns):
            return NoPreview(Refusal.MISSING, "its file has changed since it was ingested")
        made = _made(task)
        if has_changed(task.path, task.size, task.mtime_ns):
            return NoPreview(Refusal.MISSING, "its file changed while it was read")
        return made
    except FileRefused as refused:
        return NoPreview(Refusal.UNREADABLE, str(refused.outcome.reason))
    except OSError:
        return NoPreview(Refusal.MISSING, "its file cannot be opened")
    except MemoryError:
        raise
    except Exception as exc:  # the one boundary for untrusted files here
        return NoPreview(Refusal.UNREADABLE, f"unforeseen {type(exc).__name__}")


def _made(task: PreviewTask) -> MadePreview | NoPreview:
    cine = open_shown(task.path)
    kept: list[Uint8] = []
    mask = fan_mask(_frames(cine.source, kept), cine.regions)
    if isinstance(mask, NoPreview):
        return mask
    times = cine.times or [i * UNTIMED_SECONDS for i in range(cine.source.n_frames + 1)]
    ticks = to_ticks(times)
    telling = _Telling()
    shrink = shrinking(mask, *SIZES[task.shown_as])
    mp4, samples = encode_mp4(telling.watch(map(shrink, _frames(cine.source, kept))), ticks)
    if len(mp4) > MAX_BYTES:
        return NoPreview(Refusal.TOO_LARGE, f"an MP4 of {len(mp4)} bytes, limit {MAX_BYTES}")
    poster = simplejpeg.encode_jpeg(telling.frame, quality=POSTER_QUALITY, colorspace="RGB")
    height, width = telling.frame.shape[:2]
    return MadePreview(mp4, poster, width, height, samples, ticks[-1], time_known=cine.times is not None)


def _frames(source: FrameSource, kept: list[Uint8]) -> Iterator[Uint8]:
    """Yield every frame; the first walk fills ``kept`` if the cine is small enough, a later one takes it from there.

    Raises FileRefused(DECODE_FAILED) if a promised frame does not come.
    """
    if kept:
        yield from kept
        return
    done, promised = 0, source.n_frames
    for frame in source.frames(range(promised)):
        if frame.nbytes * promised <= KEPT_BYTES:
            frame = frame.copy()  # the source may use the array again
            kept.append(frame)
        done += 1
        yield frame
    if done < promised:
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"{done} of {promised} frames could be decoded"))


def shrinking(mask: Uint8, most_columns: int, most_rows: int) -> Callable[[Uint8], Uint8]:
    """Return what masks a frame, crops it to the mask and shrinks it to fit; its sides are even, as 4:2:0 needs."""
    x, y, width, height = cv2.boundingRect(mask)
    scale = min(1.0, most_columns / width, most_rows / height)
    if scale == 1.0:
        width, height = width & ~1, height & ~1
    inner = mask[y : y + height, x : x + width]
    size = (max(2, int(width * scale) & ~1), max(2, int(height * scale) & ~1))

    def shrink(frame: Uint8) -> Uint8:
        cropped = frame[y : y + height, x : x + width]
        shown = cv2.bitwise_and(cropped, cropped, mask=inner)
        return np.asarray(shown if scale == 1.0 else cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)

    return shrink


class _Telling:
    """Watches frames go by and keeps the one with the most flow in it; without flow the brightest."""

    def __init__(self) -> None:
        self.frame: Uint8 = np.zeros((2, 2, 3), np.uint8)
        self._best = (-1, -1.0)

    def watch(self, frames: Iterable[Uint8]) -> Iterator[Uint8]:
        for frame in frames:
            few = frame[::4, ::4]
            coloured = int(((few.max(axis=2) - few.min(axis=2)) > COLOURED).sum())
            told = (coloured if coloured > few.size // 600 else 0, float(few.mean()))
            if told > self._best:
                self._best, self.frame = told, frame
            yield frame
