"""From an opened cine to the clip an encoder sees: the one function that training, ingest and query share.

    choose frames -> colour -> mask -> resize and crop -> pad          (scale and normalise: on the device)

Frame by frame: of the source only one frame is ever in memory, beside the clip itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from echosearch.clip import Clip, ClipSpec, FrameSource, Uint8, clip_indices
from echosearch.dicom import is_green
from echosearch.errors import EncoderError, FileRefused
from echosearch.study import Quarantined, Reason

__all__ = ["make_clip", "use_one_thread"]

FrameStep = Callable[[Uint8], Uint8]  # (H, W, 3) uint8 -> (H', W', 3) uint8


def make_clip(key: str, source: FrameSource, spec: ClipSpec) -> Clip:
    """The clip of ``source`` that ``spec`` asks for; ``key`` is the video's pseudonym.

    Raises FileRefused: GREEN_FRAMES, DECODE_FAILED where a promised frame does not come. Resizing runs on the
    threads that torch has: a pool of workers sets one each.
    """
    indices = clip_indices(spec, source.n_frames, source.frame_seconds)
    colour, mask, resize = _colour_step(spec), _mask_step(spec), _resize_step(spec)
    pixels = np.empty((spec.frames, spec.size, spec.size, 3), np.uint8)
    checked = {0, len(indices) // 2}  # the green guard looks at the first frame and a later one
    done = 0
    for frame in source.frames(indices):
        if done in checked and is_green(frame):
            raise FileRefused(Quarantined(Reason.GREEN_FRAMES, "colour was converted twice"))
        pixels[done] = resize(mask(colour(frame)))
        done += 1
    if done < len(indices):
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"{done} of {len(indices)} frames could be decoded"))
    _pad(pixels, done, spec)
    return Clip(key=key, pixels=pixels, n_valid=done)


def use_one_thread() -> None:
    """For a worker process: torch resizes on one thread."""
    torch.set_num_threads(1)


def _pad(pixels: Uint8, n_valid: int, spec: ClipSpec) -> None:
    """Fill what a short cine leaves: its last frame again, or black ("zeros": the device zeroes it after normalising).

    frames=4, n_valid=2:  repeat_last [a b b b]   zeros [a b 0 0]
    """
    pixels[n_valid:] = pixels[n_valid - 1] if spec.padding == "repeat_last" else 0


def _colour_step(spec: ClipSpec) -> FrameStep:
    if spec.color == "rgb":
        return _unchanged
    raise EncoderError(f"ClipSpec color {spec.color!r} is not available in this version: use 'rgb'")


def _mask_step(spec: ClipSpec) -> FrameStep:
    if spec.mask == "none":
        return _unchanged
    raise EncoderError(f"ClipSpec mask {spec.mask!r} is not available in this version: use 'none'")


def _resize_step(spec: ClipSpec) -> FrameStep:
    if spec.resize == "shortest_edge" and spec.kernel == "bilinear":
        return lambda frame: _shortest_edge(frame, spec.size)
    raise EncoderError(
        f"ClipSpec resize {spec.resize!r} with kernel {spec.kernel!r} is not available in this version: "
        "use 'shortest_edge' with 'bilinear'"
    )


def _unchanged(frame: Uint8) -> Uint8:
    return frame


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
