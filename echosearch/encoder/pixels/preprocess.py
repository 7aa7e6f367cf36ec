"""Make the clip an encoder sees from an opened cine: the one function that training, ingest and query share.

    choose frames -> colour -> mask -> resize and crop -> pad          (scale and normalise: on the device)

Frame by frame: of the source only one frame is in memory, beside the clip itself (with a mask: those of the clip).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import torch
from torch.nn import functional

from echosearch.clip import Clip, ClipSpec, FrameSource, PictureScale, Uint8, YcbcrSource, clip_indices
from echosearch.encoder.pixels.color import COLORS, OF_YCBCR, to_ycbcr, ycbcr_to_rgb
from echosearch.encoder.pixels.sector import sector_mask
from echosearch.errors import EncoderError, FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom import is_green, is_unconverted
from echosearch.reading.media import MediaVideo

__all__ = ["make_clip", "use_one_thread"]

FrameStep = Callable[[Uint8], Uint8]  # (H, W, 3) uint8 -> (H', W', 3) uint8


def make_clip(key: str, source: FrameSource, spec: ClipSpec) -> Clip:
    """Make the clip of ``source`` that ``spec`` asks for; ``key`` is the video's pseudonym.

    Raises FileRefused: GREEN_FRAMES, MASK_FAILED, DECODE_FAILED if a promised frame does not come. Resizing runs on
    torch's threads: a pool of workers sets one each.
    """
    indices = clip_indices(spec, source.n_frames, source.frame_seconds)
    resize = _resize_step(spec, source.scale)
    pixels = np.empty((spec.frames, spec.size, spec.size, 3), np.uint8)
    done = 0
    for frame in _frames(source, indices, spec):
        pixels[done] = resize(frame)
        done += 1
    if done < len(indices):
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"{done} of {len(indices)} frames could be decoded"))
    _pad(pixels, done, spec)
    return Clip(key=key, pixels=pixels, n_valid=done)


def _frames(source: FrameSource, indices: Sequence[int], spec: ClipSpec) -> Iterator[Uint8]:
    """The frames that the clip takes, in its colours, masked where it asks for that. Of the source only one frame is
    in memory, but the sector is found by looking at all frames: then those of the clip wait for it.
    """
    frames, colour, ycbcr = _colours(source, spec)
    guarded = {0, indices[len(indices) // 2]}  # the green guard looks at the first frame and a later one
    if spec.mask == "none":
        for index, frame in zip(indices, frames(indices), strict=False):  # fewer: make_clip counts
            if index in guarded:
                _refuse_green(frame, ycbcr)
            yield colour(frame)
        return
    wanted = set(indices)
    waiting: list[Uint8] = []

    def all_frames() -> Iterator[Uint8]:
        for index, frame in enumerate(frames(range(source.n_frames))):
            if index in wanted:
                if index in guarded:
                    _refuse_green(frame, ycbcr)
                waiting.append(colour(frame).copy())
            yield frame if ycbcr else to_ycbcr(frame)

    mask = sector_mask(all_frames(), source.predicted)
    for frame in waiting:
        yield np.asarray(cv2.bitwise_and(frame, frame, mask=mask), np.uint8)


def _colours(source: FrameSource, spec: ClipSpec) -> tuple[Callable[[Sequence[int]], Iterator[Uint8]], FrameStep, bool]:
    """How frames come from the source, how they get the clip's colours, and whether they come in YCbCr."""
    if spec.color in OF_YCBCR and isinstance(source, YcbcrSource):
        return source.ycbcr_frames, OF_YCBCR[spec.color], True
    is_converted = spec.media_converted and isinstance(source, MediaVideo)
    return source.frames, COLORS["rgb" if is_converted else spec.color], False


def _refuse_green(frame: Uint8, ycbcr: bool) -> None:
    rgb = ycbcr_to_rgb(frame) if ycbcr else frame
    if is_green(rgb):
        raise FileRefused(Quarantined(Reason.GREEN_FRAMES, "colour was converted twice"))
    if is_unconverted(rgb):
        raise FileRefused(Quarantined(Reason.GREEN_FRAMES, "colour was not converted, its label says that it is RGB"))


def use_one_thread() -> None:
    """Set torch and OpenCV to one thread, in a worker process."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _pad(pixels: Uint8, n_valid: int, spec: ClipSpec) -> None:
    """Fill what a short cine leaves: its last frame again, or black ("zeros": the device zeroes it after normalising).

    frames=4, n_valid=2:  repeat_last [a b b b]   zeros [a b 0 0]
    """
    pixels[n_valid:] = pixels[n_valid - 1] if spec.padding == "repeat_last" else 0


def _resize_step(spec: ClipSpec, scale: PictureScale | None) -> FrameStep:
    match spec.resize, spec.kernel:
        case "shortest_edge", "bilinear" if spec.field_mm is not None and scale is not None:
            side = max(round(spec.field_mm / scale.mm_per_pixel), 1)
            top, left = round(scale.row), round(scale.column - side / 2)

            def field(frame: Uint8) -> Uint8:
                if frame.shape[:2] != scale.size:  # a stream of another size than its file says
                    return _shortest_edge(frame, spec.size)
                return _shortest_edge(_square_at(frame, top, left, side), spec.size)

            return field
        case "shortest_edge", "bilinear":
            return lambda frame: _shortest_edge(frame, spec.size)
        case "square", "cubic":
            return lambda frame: _square(frame, spec.size, spec.zoom)
    raise EncoderError(
        f"ClipSpec resize {spec.resize!r} with kernel {spec.kernel!r} is not available: use 'shortest_edge' with "
        "'bilinear', or 'square' with 'cubic'"
    )


def _square(frame: Uint8, size: int, zoom: float) -> Uint8:
    """The centre square, ``zoom`` of its length cut off each side, then cubic as OpenCV's (not antialiased).

    Cut by rounding as EchoPrime and EchoCLIP do; where that rounds to nothing (600 x 601) nothing is cut, where
    theirs returns an empty picture.
    """
    rows, columns = frame.shape[:2]
    cut = round(abs(columns - rows) / 2)
    frame = frame[:, cut : columns - cut] if columns > rows else frame[cut : rows - cut]
    rows, columns = frame.shape[:2]
    top, left = int(rows * zoom), int(columns * zoom)
    inner = frame[top : rows - top, left : columns - left]
    return np.asarray(cv2.resize(inner, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def _square_at(frame: Uint8, top: int, left: int, side: int) -> Uint8:
    """Return a square of the frame, black where it is outside the frame."""
    rows, columns = frame.shape[:2]
    square = np.zeros((side, side, 3), np.uint8)
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + side, rows), min(left + side, columns)
    if y0 < y1 and x0 < x1:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = frame[y0:y1, x0:x1]
    return square


def _shortest_edge(frame: Uint8, size: int) -> Uint8:
    """The shorter side to ``size``, antialiased bilinear as Pillow's (2 grey levels), then the centre square.

    The longer side is truncated, as torchvision and the transformers processor do: 800 x 600 at 224 gives 298 x 224.
    """
    rows, columns = frame.shape[:2]
    short = min(rows, columns)
    height, width = (int(size * side / short) for side in (rows, columns))
    if not frame.flags.writeable:  # torch will not share read-only memory without a warning
        frame = frame.copy()
    image = torch.from_numpy(frame).permute(2, 0, 1)[None]  # (1, 3, H, W), a view: channels last in memory
    resized = functional.interpolate(image, (height, width), mode="bilinear", antialias=True, align_corners=False)
    top, left = (height - size) // 2, (width - size) // 2
    return resized[0, :, top : top + size, left : left + size].permute(1, 2, 0).numpy()
