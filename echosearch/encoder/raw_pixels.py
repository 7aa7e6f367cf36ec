"""Make a ClipSpec's clips of raw cines: stored in golden.npz with a bundle, and made again to check the bundle.

The golden vectors alone begin at pixels that are ready for the model: an edited colour, stride, mask, resize or mean
would go unnoticed, and every vector of the archive would be a little wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from echosearch.clip import Clip, ClipSpec, PictureScale, Uint8, clip_indices
from echosearch.encoder.bundle.golden import RawPixels
from echosearch.encoder.pixels.preprocess import make_clip
from echosearch.encoder.towers.build import normalise
from echosearch.errors import EncoderError, FileRefused, GoldenMismatch
from echosearch.vector import Vectors

__all__ = ["check_raw", "make_raw"]

# (frames, seconds between them) of cines whose pixels nobody needs to see
LENGTHS: tuple[tuple[int, float | None], ...] = (
    *((n, None) for n in (1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 31, 40, 63, 100, 100_000)),
    *((n, 0.0331) for n in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)),
    *((100_000, seconds) for seconds in (0.0007, 0.0123, 0.0167, 0.04, 0.1)),
)
# Resizing differs between processors by a grey level or two, at edges
LEVELS, SHARE = 2, 0.002
SCALES = (PictureScale(1.3, 90.0, 12.0, (150, 200)), None)  # of the two cines


def make_raw(spec: ClipSpec, embed: Callable[[Sequence[Clip]], Vectors]) -> RawPixels:
    """Return what ``spec`` makes of two cines, and the vector that ``embed`` makes of the first."""
    cines = (_cine(48, 150, 200), _cine(2, 480, 640))
    seconds = (0.0171, None)
    clips = _clips(cines, seconds, spec)
    return RawPixels(cines, seconds, clips, _taken(spec), _scaled(spec), embed(clips[:1]))


def check_raw(raw: RawPixels, spec: ClipSpec) -> tuple[Clip, ...]:
    """Return the clips made here of the golden cines. Raises GoldenMismatch if ``spec`` makes others."""
    taken = _taken(spec)
    if taken.shape != raw.taken.shape or not np.array_equal(taken, raw.taken):
        raise _mismatch("other frames are taken of a cine: frames, stride, seconds or at_least")
    if not np.allclose(_scaled(spec), raw.scaled, rtol=1e-5, atol=1e-6):
        raise _mismatch("grey levels are scaled otherwise: mean or std")
    for there in raw.clips:  # before memory is taken for it
        if there.pixels.shape != (spec.frames, spec.size, spec.size, 3):
            raise _mismatch(f"a clip has {spec.frames} frames of {spec.size} x {spec.size}, the golden {there!r}")
    try:
        clips = _clips(raw.cines, raw.seconds, spec)
    except (FileRefused, EncoderError, cv2.error, RuntimeError) as exc:
        raise _mismatch(f"the golden cine is refused: {' '.join(str(exc).split())[:200]}") from exc
    for here, there in zip(clips, raw.clips, strict=True):
        if here.n_valid != there.n_valid:
            raise _mismatch(f"the golden cine gives {here!r}, not {there!r}")
        away = np.abs(here.pixels.astype(np.int16) - there.pixels) > LEVELS
        if (share := float(away.mean())) > SHARE:
            raise _mismatch(
                f"{share:.1%} of the golden cine's pixels differ: colour, mask, resize, field, kernel or zoom"
            )
    return clips


def _clips(cines: Sequence[Uint8], seconds: Sequence[float | None], spec: ClipSpec) -> tuple[Clip, ...]:
    sources = (_Source(*each) for each in zip(cines, seconds, SCALES, strict=True))
    return tuple(make_clip("golden", source, spec) for source in sources)


def _mismatch(what: str) -> GoldenMismatch:
    return GoldenMismatch(
        f"{what}: bundle.toml's ClipSpec, or this program, is not what the encoder was made with: nothing is "
        "embedded; copy or import the bundle again"
    )


class _Source:
    """A cine in memory (FrameSource)."""

    predicted = False

    def __init__(self, cine: Uint8, frame_seconds: float | None, scale: PictureScale | None) -> None:
        self._cine, self.scale = cine, scale
        self.n_frames = len(cine)
        self.frame_seconds = frame_seconds

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        return (self._cine[i] for i in indices)


def _cine(frames: int, rows: int, columns: int) -> Uint8:
    """Coloured blocks of many sizes that change within a sector, on a dark ground with a bright, still banner.

    Everything that a ClipSpec does leaves its mark: the blocks' edges have no regular distance.
    """
    rng = np.random.default_rng(14)
    cine = np.zeros((frames, rows, columns, 3), np.uint8)
    cine[:, rows * 7 // 9 : rows * 8 // 9, columns // 5 : columns * 2 // 3] = (250, 200, 90)  # the banner
    cine[:, rows // 9 : rows // 6, columns // 2 :] = (60, 120, 240)
    top, bottom, left, right = rows // 4, rows * 2 // 3, columns // 8, columns * 7 // 8
    down = np.sort(rng.integers(0, 9, bottom - top))
    along = np.sort(rng.integers(0, 13, right - left))
    for frame in cine:
        blocks = rng.integers(30, 256, (9, 13, 3), dtype=np.uint8)
        frame[top:bottom, left:right] = blocks[down][:, along]
    return cine


def _taken(spec: ClipSpec) -> NDArray[np.int64]:
    """Which frames a clip takes of cines of LENGTHS, a row each, -1 if there is none."""
    rows = np.full((len(LENGTHS), spec.frames), -1, np.int64)
    for row, (n_frames, seconds) in zip(rows, LENGTHS, strict=True):
        indices = clip_indices(spec, n_frames, seconds)
        row[: len(indices)] = indices
    return rows


def _scaled(spec: ClipSpec) -> NDArray[np.float32]:
    """What a black and a white pixel become, (2, 3)."""
    pixels = torch.tensor([0, 255], dtype=torch.uint8)[None, :, None, None, None].expand(1, 2, 1, 1, 3)
    return np.asarray(normalise(pixels, torch.tensor([2]), spec)[0, :, :, 0, 0].T.contiguous().numpy(), np.float32)
