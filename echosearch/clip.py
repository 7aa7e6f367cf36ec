"""Pixels on their way to an encoder: Frames as decoded, Clip as an encoder wants them.

Free of torch and pydicom, so that workers and callers can import it cheaply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

__all__ = ["Clip", "ClipSpec", "FrameSource", "Frames", "PictureScale", "Uint8", "YcbcrSource", "clip_indices"]

Uint8 = NDArray[np.uint8]


@dataclass(frozen=True)
class PictureScale:
    """How long a pixel of a cine is, and where its 2D picture begins: the middle of its upper edge, at the probe."""

    mm_per_pixel: float
    column: float
    row: float
    size: tuple[int, int]  # rows and columns of the frames that it holds for


class FrameSource(Protocol):
    """An opened cine, whatever its container. Frames are true RGB."""

    @property
    def n_frames(self) -> int: ...  # counted, never the tag

    @property
    def frame_seconds(self) -> float | None: ...

    @property
    def scale(self) -> PictureScale | None: ...  # None: the file does not say, or nothing that can be right

    @property
    def predicted(self) -> bool: ...  # frames coded from one another: what stands still flickers by a grey level or two

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """Yield frame by frame, (H, W, 3) uint8, in the order of the ascending indices; decode no other.

        A yielded array may be reused for the next frame: copy what you keep.
        """
        ...


@runtime_checkable
class YcbcrSource(FrameSource, Protocol):
    """A cine that stores YCbCr. Saturated colours are not the same after a conversion to RGB and back."""

    def ycbcr_frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """Yield (H, W, 3) uint8 YCbCr as stored, as ``frames`` yields RGB."""
        ...


@dataclass(frozen=True)
class Frames:
    """Decoded frames of one cine, true RGB."""

    pixels: Uint8  # (T, H, W, 3)
    frame_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4 or self.pixels.shape[3] != 3:
            raise ValueError(f"frames must be uint8 (T, H, W, 3), got {self.pixels.dtype} {self.pixels.shape}")

    def __repr__(self) -> str:
        return f"Frames({self.pixels.shape}, frame_seconds={self.frame_seconds})"


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class ClipSpec:
    """The whole preprocessing contract of a video encoder; the same in training, ingest and query.

    It is stored in the encoder's bundle and is part of its fingerprint. Steps, in this order:
    choose frames -> colour -> mask -> resize and crop -> pad -> (on the device) scale, normalise.
    """

    frames: int = 16
    stride: int = 2  # every stride-th frame of the source, from the first
    seconds: float | None = None  # instead of stride: time between the frames, where timing is known
    size: int = 224  # side of the square the model sees
    # "shortest_edge": the shorter side to `size`, centre crop; "square": crop to square, zoom, resize
    resize: Literal["shortest_edge", "square"] = "shortest_edge"
    # "shortest_edge" only, where the cine's scale is known: instead of the whole picture a square with this side, its
    # upper edge at the probe, black where the picture ends; so sizes are sizes, whatever the depth setting
    field_mm: float | None = None
    kernel: Literal["bilinear", "cubic"] = "bilinear"  # bilinear is antialiased (as Pillow), cubic is not (as OpenCV)
    zoom: float = 0.0  # "square" only: share cut from each side's length before resizing
    mask: Literal["none", "sector"] = "none"  # blacken what is outside the ultrasound sector
    # "rgb": true colours; "ycbcr_read_as_ycrcb": red and blue exchanged, as the weights were trained;
    # "ycbcr_read_as_yuv_bgr": what EchoPrime's loader makes; "bgr": blue first, as OpenCV reads videos
    color: Literal["rgb", "bgr", "ycbcr_read_as_ycrcb", "ycbcr_read_as_yuv_bgr"] = "rgb"
    # mp4 and avi files hold what `color` asks for already: the authors' own converter wrote them (csv2wds.py)
    media_converted: bool = False
    padding: Literal["repeat_last", "zeros"] = "repeat_last"  # zeros are zero after normalising
    # frames that a short cine gives, where it has them: then they lie closer together than the stride or the clock
    at_least: int = 1
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)  # on 0..1
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.frames < 1 or self.stride < 1 or self.size < 1:
            raise ValueError(f"frames {self.frames}, stride {self.stride} and size {self.size} must be at least 1")
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError(f"seconds {self.seconds} must be above 0")
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std} must be above 0")
        if not 1 <= self.at_least <= self.frames:
            raise ValueError(f"at_least {self.at_least} is not within [1, {self.frames}] frames")
        if not 0.0 <= self.zoom < 0.5:
            raise ValueError(f"zoom {self.zoom} is not within [0, 0.5)")
        if self.field_mm is not None and not (120 <= self.field_mm <= 300 and self.resize == "shortest_edge"):
            raise ValueError(f"field_mm {self.field_mm} is not within [120, 300], or resize is not 'shortest_edge'")


@dataclass(frozen=True)
class Clip:
    """The piece of one video that an encoder sees.

    ``pixels`` are (T, S, S, 3) uint8; frames from ``n_valid`` on are padding.
    """

    key: str  # pseudonymous key of the video
    pixels: Uint8
    n_valid: int

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4 or self.pixels.shape[3] != 3:
            raise ValueError(f"a clip must be uint8 (T, S, S, 3), got {self.pixels.dtype} {self.pixels.shape}")
        if not 1 <= self.n_valid <= self.pixels.shape[0]:
            raise ValueError(f"n_valid {self.n_valid} is not within [1, {self.pixels.shape[0]}]")

    def __repr__(self) -> str:
        return f"Clip({self.key}, {self.pixels.shape}, n_valid={self.n_valid})"


def clip_indices(spec: ClipSpec, n_frames: int, frame_seconds: float | None) -> list[int]:
    """Return the source frames that a clip takes, ascending; fewer than ``spec.frames`` if the cine is short.

        frames=4, stride=2, n_frames=30   0 2 4 6
        frames=4, stride=2, n_frames=5    0 2 4        (the rest is padding)
        frames=4, stride=4, n_frames=7    0 4          and with at_least=3, 0 3 6

    With ``spec.seconds`` and a known ``frame_seconds`` the step follows the clock instead, so that
    a 60 fps clip spans as long as a 30 fps one; where timing is unknown ``stride`` is used.
    """
    if spec.seconds is not None and frame_seconds is not None:
        step = max(spec.seconds / frame_seconds, 1.0)
        wanted = [round(i * step) for i in range(spec.frames)]
    else:
        wanted = [i * spec.stride for i in range(spec.frames)]
    within = [i for i in wanted if i < n_frames]
    if len(within) < min(spec.at_least, n_frames):
        step = max((n_frames - 1) // (spec.at_least - 1), 1)
        within = list(range(0, n_frames, step))[: spec.frames]
    return within
