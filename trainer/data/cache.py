"""Decoded clips on disk, memory-mapped: an archive is decoded, or a phantom drawn, once for all epochs and runs.

CACHE/<preprocessing>/<shard>.npy         (n, F, S, S, 3) uint8
                      <shard>.valid.npy   (n,) int32, frames that are no padding; 0 where a file gave no clip
                      <shard>.json        the n videos; written last, so that a shard without it does not count

A video is looked up by its key, so a run with more patients, or another split, takes the clips that are there.
The frames are those that ClipSpec takes, and ``frames`` of them, so that training can begin a clip at any.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from echosearch.atomic import whole_file
from echosearch.batch import batched
from echosearch.clip import Clip, ClipSpec, FrameSource, PictureScale, Uint8
from echosearch.encoder.pixels.preprocess import make_clip, use_one_thread
from echosearch.errors import FileRefused
from echosearch.outcome import Reason
from echosearch.phantom.imaging.cine import frame_seconds, picture_scale, plan_cine, render_cine
from echosearch.reading.source import open_source
from trainer.data.pairs import Drawn, Video
from trainer.data.volume import is_volume, open_volume

__all__ = ["DRAWN_FRAMES", "SHARD", "ClipCache", "clip_of", "open_cache", "open_video", "take_window"]

SHARD = 512  # videos
PASSING = (Reason.UNREADABLE, Reason.CHANGED)  # may be over by the next run
NOT_READ = ""  # in place of such a video's name
DRAWN_FRAMES = 48  # of a phantom cine as `phantom write` makes it


class _Shard(NamedTuple):
    names: list[str]  # of its videos
    pixels: NDArray[np.uint8]  # (n, F, S, S, 3), memory-mapped
    valid: NDArray[np.int32]  # (n,)


class ClipCache:
    """Clips by video key. Made by open_cache."""

    def __init__(self, spec: ClipSpec, shards: Iterable[_Shard], keys: Mapping[str, str]) -> None:
        """``keys`` of the videos wanted, by their names in the shards."""
        self.spec = spec
        self._at: dict[str, tuple[_Shard, int]] = {}
        for shard in shards:
            self._at |= {keys[name]: (shard, row) for row, name in enumerate(shard.names) if name in keys}

    def n_valid(self, key: str) -> int:
        """Return the frames that the cine has at the clip's stride; 0 if its file gave no clip, or could not be
        read.
        """
        if key not in self._at:
            return 0
        shard, row = self._at[key]
        return int(shard.valid[row])

    def clip(self, key: str, start: int = 0) -> Clip:
        """Return the clip that begins at frame ``start``; at 0 it is the same as ingest's."""
        shard, row = self._at[key]
        return take_window(key, shard.pixels[row], self.n_valid(key), start, self.spec)

    def starts(self, key: str) -> int:
        """Return the number of starts that leave a clip no shorter than from 0."""
        return max(self.n_valid(key) - self.spec.frames, 0) + 1


@dataclass(frozen=True)
class _Still:
    """Frames in memory as a FrameSource."""

    pixels: Uint8
    scale: PictureScale | None = None
    frame_seconds: float | None = None
    predicted: bool = False

    @property
    def n_frames(self) -> int:
        return len(self.pixels)

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        yield from (self.pixels[i] for i in indices)


def open_cache(
    folder: Path,
    videos: Sequence[Video],
    spec: ClipSpec,
    frames: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> ClipCache:
    """Return the clips of ``videos``; make missing ones. ``progress(done, total)`` counts videos."""
    longer = replace(spec, frames=max(frames, spec.frames))
    folder = folder / _digest(longer)
    folder.mkdir(parents=True, exist_ok=True)
    there = {name for shard in _shards(folder) for name in shard.names}
    missing = list({_name(video): video for video in videos if _name(video) not in there}.values())
    done = len(videos) - len(missing)
    for n in _made(folder, missing, longer, workers):
        done += n
        if progress:
            progress(done, len(videos))
    return ClipCache(spec, _shards(folder), {_name(video): video.key for video in videos})


def _shards(folder: Path) -> Iterator[_Shard]:
    for listing in sorted(folder.glob("[!.]*.json")):
        file = listing.with_suffix(".npy")
        try:
            names = json.loads(listing.read_text(encoding="utf-8"))
            shard = _Shard(names, np.load(file, mmap_mode="r"), np.load(_valid_file(file)))
        except (OSError, ValueError):
            continue  # damaged: its videos are decoded again, into the same files
        yield shard


def _made(folder: Path, missing: Sequence[Video], spec: ClipSpec, workers: int) -> Iterator[int]:
    blocks = list(batched(missing, SHARD))
    if workers <= 1:
        for block in blocks:
            yield _write(folder, block, spec)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        under_way: deque[Future[int]] = deque()
        for block in blocks:  # no more than the workers have in hand: that much is waited for when the run is stopped
            under_way.append(pool.submit(_write_alone, folder, block, spec))
            if len(under_way) > workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _write_alone(folder: Path, videos: Sequence[Video], spec: ClipSpec) -> int:
    cv2.setNumThreads(1)
    use_one_thread()
    return _write(folder, videos, spec)


def _write(folder: Path, videos: Sequence[Video], spec: ClipSpec) -> int:
    """One shard, whole or not at all. A file that the system would not give is not among its names: the next run tries
    again."""
    pixels = np.zeros((len(videos), spec.frames, spec.size, spec.size, 3), np.uint8)
    valid = np.zeros(len(videos), np.int32)
    names = [_name(video) for video in videos]
    for row, video in enumerate(videos):
        try:
            clip = clip_of(video, spec)
        except FileRefused as exc:  # n_valid stays 0, and whoever uses the cache counts it
            if exc.outcome.reason in PASSING:
                names[row] = NOT_READ
        except OSError:
            names[row] = NOT_READ
        else:
            pixels[row], valid[row] = clip.pixels, clip.n_valid
    file = folder / f"{hashlib.sha256(chr(0).join(names).encode()).hexdigest()[:24]}.npy"
    for place, array in ((file, pixels), (_valid_file(file), valid)):
        with whole_file(place) as partial, partial.open("wb") as handle:
            np.save(handle, array)
    with whole_file(file.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(names), encoding="utf-8")
    return len(videos)


def clip_of(video: Video, spec: ClipSpec) -> Clip:
    """Return the video's clip as ingest would make it. Raises FileRefused, OSError."""
    return make_clip(video.key, *open_video(video, spec))


def open_video(video: Video, spec: ClipSpec) -> tuple[FrameSource, ClipSpec]:
    """Open a video; the ClipSpec returned with it makes the clip that ``spec`` asks for. Raises FileRefused, OSError.

    A phantom is drawn at the clip's own stride, which saves the frames between; `phantom write` draws all of them.
    """
    if not isinstance(video.source, Drawn):
        return open_volume(video.source) if is_volume(video.source) else open_source(video.source), spec
    drawn = video.source
    native = frame_seconds(drawn.study, drawn.color)
    step = max(spec.seconds / native, 1.0) if spec.seconds is not None else float(spec.stride)
    look = replace(drawn.study.look, frame_seconds=drawn.study.look.frame_seconds * step)
    total = ceil(DRAWN_FRAMES / step)  # the whole cine: the ECG below shows all of it
    study = replace(drawn.study, look=look)
    pixels = render_cine(study, drawn.view, drawn.color, frames=total, drawn=spec.frames, take=drawn.take)
    sector = plan_cine(study, drawn.view, drawn.color, total, take=drawn.take).sector
    return _Still(pixels, picture_scale(sector, *pixels.shape[1:3])), replace(spec, stride=1, seconds=None)


def take_window(key: str, pixels: Uint8, n_valid: int, start: int, spec: ClipSpec) -> Clip:
    """Return ``spec.frames`` frames from ``start`` on, padded as make_clip pads. Raises ValueError if nothing is
    valid.
    """
    if n_valid < 1 or not 0 <= start < n_valid:
        raise ValueError(f"{key}: no frame {start} of {n_valid}")
    n = min(n_valid - start, spec.frames)
    out = np.zeros((spec.frames, *pixels.shape[1:]), np.uint8)
    out[:n] = pixels[start : start + n]
    if n < spec.frames and spec.padding == "repeat_last":
        out[n:] = out[n - 1]
    return Clip(key, out, n)


def _digest(spec: ClipSpec) -> str:
    pixels = replace(spec, mean=ClipSpec.mean, std=ClipSpec.std)  # these two are applied on the device
    text = json.dumps(TypeAdapter(ClipSpec).dump_python(pixels, mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _name(video: Video) -> str:
    """What decides a clip's pixels, beside the preprocessing; a hash, for a path may name a patient."""
    where = "drawn" if isinstance(video.source, Drawn) else _state(video.source)
    return hashlib.sha256(f"{video.key}\0{where}".encode()).hexdigest()[:32]


def _state(file: Path) -> str:
    """A file that changes is decoded again."""
    try:
        info = file.stat()
    except OSError:
        return str(file)
    return f"{file.absolute()} {info.st_size} {info.st_mtime_ns}"


def _valid_file(file: Path) -> Path:
    return file.with_suffix(".valid.npy")
