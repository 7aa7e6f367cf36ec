"""Frames with the cavity drawn on them by experts: EchoNet-Dynamic's tracings, and CAMUS's segmentations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echosearch.clip import FrameSource, Uint8
from echosearch.contour.task import grey_frames
from echosearch.contour.values import Box, Floats
from echosearch.errors import ConfigError
from echosearch.reading.source import open_source
from trainer.contour.samples import DrawnFrames, soft_mask
from trainer.data.benchmark import read_benchmark
from trainer.data.split import Split
from trainer.data.volume import open_volume

__all__ = ["public_samples", "traced_outline"]

CAVITY = 1  # CAMUS's label of the left ventricle's cavity
SEQUENCE, LABELS = "_half_sequence.nii.gz", "_half_sequence_gt.nii.gz"


def public_samples(folder: Path, split: Split) -> DrawnFrames:
    """Return the drawn frames of a split of EchoNet-Dynamic or CAMUS, as downloaded by who may have them.

    Raises ConfigError if the folder is neither, or holds no drawn frame; FileRefused for a file that cannot be read.
    """
    benchmark = read_benchmark(folder)
    sources = [video.source for one in benchmark.studies if one.split == split for video in one.study.videos]
    videos = [source for source in sources if isinstance(source, Path)]
    if benchmark.name == "EchoNet-Dynamic":
        pairs = [pair for video in videos for pair in _traced(video, benchmark.tracings.get(video.stem, {}))]
    else:
        pairs = [pair for video in videos if video.name.endswith(SEQUENCE) for pair in _labelled(video)]
    if not pairs:
        raise ConfigError(f"{folder} has no frame of the split {split!r} with a drawn cavity")
    return DrawnFrames(np.stack([frame for frame, _ in pairs]), np.stack([mask for _, mask in pairs]))


def traced_outline(chords: NDArray[np.float64]) -> Floats:
    """Return (N, 2) points from the chords of VolumeTracings.csv: down their first ends, up their second.

    The first chord is the long axis, and takes no part; the others are discs across it, in order.
    """
    outline: Floats = np.concatenate((chords[1:, :2], chords[:0:-1, 2:]))
    return outline


def _traced(video: Path, tracings: Mapping[int, NDArray[np.float64]]) -> Iterator[tuple[Uint8, Uint8]]:
    source = open_source(video)
    wanted = sorted(at for at, chords in tracings.items() if 0 <= at < source.n_frames and len(chords) > 2)
    for at, frame in zip(wanted, _whole(source, wanted), strict=True):
        yield frame[0], soft_mask(frame[1].to_square(traced_outline(tracings[at])))


def _labelled(video: Path) -> Iterator[tuple[Uint8, Uint8]]:
    drawn = video.with_name(video.name.replace(SEQUENCE, LABELS))
    if not drawn.is_file():
        return
    source, labels = open_volume(video), open_volume(drawn)
    frames = range(min(source.n_frames, labels.n_frames))
    for at, (frame, box) in zip(frames, _whole(source, frames), strict=True):
        cavity = np.where(labels.grey[at] == CAVITY, 255, 0).astype(np.uint8)
        everywhere = np.full(cavity.shape, 255, np.uint8)
        yield frame, next(grey_frames([np.repeat(cavity[..., None], 3, axis=2)], box, everywhere))


def _whole(source: FrameSource, wanted: list[int] | range) -> Iterator[tuple[Uint8, Box]]:
    """Yield frames as the head sees those of a file that declares no box: all of the picture."""
    for frame in source.frames(wanted):
        box = Box(0, 0, frame.shape[1], frame.shape[0])
        yield next(grey_frames([frame], box, np.full(frame.shape[:2], 255, np.uint8))), box
