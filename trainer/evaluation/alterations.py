"""Alter a video as another machine, another sonographer or a fault would: what a robust encoder hardly notices.

Frames are altered before preprocessing, so that masks, crops and colours of any encoder see the altered picture.
Phantoms that are drawn in memory are drawn anew at another depth, and by a machine that no encoder was trained on; in
other videos depth is a scaling of the picture about the probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import cv2
import numpy as np

from echosearch.clip import Clip, ClipSpec, FrameSource, Uint8
from echosearch.encoder.pixels.preprocess import make_clip
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.machine import Look
from echosearch.reading.media import MediaVideo
from trainer.data.cache import open_video
from trainer.data.pairs import Drawn, Video

__all__ = ["ALTERATIONS", "DRAWN_ONLY", "Alteration", "altered_clips"]

DEEPER, SHALLOWER = 1.25, 0.75
ZOOM = 0.1
SHIFT = 1 / 16  # of the shorter side, each way: 4 pixels of 64
GAIN = 25  # grey levels
GAMMA = 1.6
NOISE = 12.0  # grey levels, standard deviation
UNSEEN = Look(
    "PHANTOM E", "SYNTHETIC FIVE", 48.0, 9.0, 0.85, (0.92, 1.0, 0.97), 14.0, 21.0, 2.6, (250, 250, 250), 0.0286, 1, 0.60
)

OfFrame = Callable[[Uint8], Uint8]  # (H, W, 3) RGB -> the same shape
OfTime = Callable[[int, np.random.Generator], np.ndarray]  # frames of the clip -> their order


@dataclass(frozen=True)
class Alteration:
    """One condition. Of a phantom drawn in memory ``of_phantom`` replaces ``of_frame`` if it is given."""

    name: str
    of_frame: OfFrame | None = None
    of_time: OfTime | None = None
    of_phantom: Callable[[PhantomStudy], PhantomStudy] | None = None


def _depth(factor: float) -> Alteration:
    def drawn(study: PhantomStudy) -> PhantomStudy:
        return replace(study, depth_setting=study.depth_setting * factor)

    sign = "+" if factor > 1 else "-"
    return Alteration(
        f"depth {sign}{abs(100 * factor - 100):.0f} %", lambda f: _scaled(f, 1 / factor, 0.0), None, drawn
    )


def _scaled(frame: Uint8, factor: float, fixed: float) -> Uint8:
    """Scale a frame about the middle column and the row ``fixed`` (share of the height)."""
    rows, columns = frame.shape[:2]
    x, y = columns / 2, fixed * rows
    matrix = np.array([[factor, 0, x - factor * x], [0, factor, y - factor * y]])
    return np.asarray(cv2.warpAffine(frame, matrix, (columns, rows)), np.uint8)


def _shifted(frame: Uint8) -> Uint8:
    rows, columns = frame.shape[:2]
    by = round(SHIFT * min(rows, columns))
    return np.asarray(cv2.warpAffine(frame, np.array([[1.0, 0, by], [0, 1.0, by]]), (columns, rows)), np.uint8)


def _gained(frame: Uint8) -> Uint8:
    lit = frame.max(axis=2, keepdims=True) > 0  # what is black around the picture stays black
    return np.where(lit, np.clip(frame.astype(np.int16) + GAIN, 0, 255), 0).astype(np.uint8)


_CURVE = (255 * (np.arange(256) / 255) ** GAMMA).round().astype(np.uint8)


def _noisy(frame: Uint8) -> Uint8:
    rng = np.random.default_rng(crc32(frame.tobytes()))  # the same for the same frame
    return np.clip(frame + rng.normal(0, NOISE, frame.shape), 0, 255).astype(np.uint8)


def _overlaid(frame: Uint8) -> Uint8:
    """Write text into a corner, as machines do."""
    made = frame.copy()
    rows, columns = frame.shape[:2]
    size = rows / 240
    for line in range(3):
        place = (round(columns * 0.62), round(rows * (0.08 + 0.06 * line)))
        cv2.putText(
            made, "FR 52Hz MI 1.3", place, cv2.FONT_HERSHEY_PLAIN, 0.8 * size, (255, 255, 255), max(round(size), 1)
        )
    return made


ALTERATIONS = (
    _depth(DEEPER),
    _depth(SHALLOWER),
    Alteration("mirrored", lambda frame: np.ascontiguousarray(frame[:, ::-1])),
    Alteration("shifted by 1/16", _shifted),
    Alteration("zoom +10 %", lambda frame: _scaled(frame, 1 + ZOOM, 0.5)),
    Alteration("zoom -10 %", lambda frame: _scaled(frame, 1 - ZOOM, 0.5)),
    Alteration("gain +25", _gained),
    Alteration("gamma 1.6", lambda frame: _CURVE[frame]),
    Alteration("noise", _noisy),
    Alteration("frames shuffled", of_time=lambda count, rng: rng.permutation(count)),
    Alteration("played backwards", of_time=lambda count, _: np.arange(count)[::-1]),
    Alteration("red and blue exchanged", lambda frame: np.ascontiguousarray(frame[..., ::-1])),
    Alteration("text in a corner", _overlaid),
    Alteration("another vendor", of_phantom=lambda study: replace(study, look=UNSEEN)),
)
DRAWN_ONLY = frozenset({"another vendor"})  # conditions that only phantoms drawn in memory have


class _Held:
    """A source whose frames are decoded once, for several clips. Frames are RGB."""

    def __init__(self, source: FrameSource) -> None:
        self._source, self._known = source, dict[int, Uint8]()
        self.n_frames, self.frame_seconds, self.predicted = source.n_frames, source.frame_seconds, source.predicted
        self.scale = source.scale
        self.of_frame: OfFrame | None = None

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        if missing := [index for index in indices if index not in self._known]:
            self._known |= {i: f.copy() for i, f in zip(missing, self._source.frames(missing), strict=False)}
        for index in indices:
            if index not in self._known:  # a promised frame that does not come: make_clip counts
                return
            yield self._known[index] if self.of_frame is None else self.of_frame(self._known[index])


def altered_clips(video: Video, spec: ClipSpec, alterations: Sequence[Alteration]) -> list[Clip]:
    """Return the video's clip as it is, and under each alteration. Raises FileRefused, OSError."""
    opened, own = open_video(video, spec)
    if own.media_converted and isinstance(opened, MediaVideo):
        own = replace(own, color="rgb")  # its colours are the encoder's already
    held = _Held(opened)
    made = [make_clip(video.key, held, own)]
    for one in alterations:
        if one.of_phantom is not None and isinstance(video.source, Drawn):
            drawn = replace(video.source, study=one.of_phantom(video.source.study))
            made.append(make_clip(video.key, *open_video(replace(video, source=drawn), spec)))
            continue
        held.of_frame = one.of_frame
        clip = make_clip(video.key, held, own)
        if one.of_time is not None:
            order = one.of_time(clip.n_valid, np.random.default_rng(crc32(video.key.encode())))
            pixels = clip.pixels.copy()
            pixels[: clip.n_valid] = clip.pixels[order]
            clip = Clip(clip.key, pixels, clip.n_valid)
        made.append(clip)
    return made
