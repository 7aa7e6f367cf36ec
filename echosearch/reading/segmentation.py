"""What a DICOM Segmentation object marks as the left ventricle, on which frames of which cines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from echosearch.clip import Uint8

__all__ = ["MarkedCine", "Segmentation"]


@dataclass(frozen=True, eq=False)
class MarkedCine:
    """The frames of one cine on which the left ventricle is marked; ``masks`` only if they were asked for."""

    sop_uid: str = field(repr=False)
    rows: int
    columns: int
    frames: tuple[int, ...]  # from 0, ascending
    masks: Uint8 | None = field(default=None, repr=False)  # (N, rows, columns) of 0 and 1, in the order of frames

    def __post_init__(self) -> None:
        if any(later <= one for one, later in zip(self.frames, self.frames[1:], strict=False)):
            raise ValueError("the frames of a marked cine ascend")
        shape = (len(self.frames), self.rows, self.columns)
        if self.masks is not None and (self.masks.dtype != np.uint8 or self.masks.shape != shape):
            raise ValueError(f"masks are uint8 {shape}, got {self.masks.dtype} {self.masks.shape}")


@dataclass(frozen=True)
class Segmentation:
    """One file: the cines that it marks, and how many of its segments are something else than the left ventricle."""

    cines: tuple[MarkedCine, ...]
    other_segments: int
