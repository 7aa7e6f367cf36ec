"""The values of a preview: what a worker makes, what is kept, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, get_args

__all__ = ["CODEC", "SIZES", "TIMESCALE", "UNTIMED_SECONDS", "MadePreview", "NoPreview", "Preview", "PreviewSize",
           "Refusal", "Sample"]  # fmt: skip

TIMESCALE = 90_000  # ticks a second
UNTIMED_SECONDS = 1 / 30  # from frame to frame, where the file does not state it
CODEC = "vp09.00.41.08.01.01.01.01.00"  # for WebCodecs: VP9 profile 0, 8 bits, 4:2:0, BT.709, limited range
PreviewSize = Literal["card", "study"]
SIZES: dict[PreviewSize, tuple[int, int]] = {"card": (368, 300), "study": (700, 570)}  # most columns and rows
assert tuple(SIZES) == get_args(PreviewSize)


class Refusal(StrEnum):
    """Why a video has no preview."""

    UNKNOWN = "unknown"  # no video of this key can be found by a search
    NO_BOX = "no_box"  # its file declares no box of a 2D picture
    NO_MOTION = "no_motion"  # nothing moves in its boxes that could be a fan
    UNREADABLE = "unreadable"  # its file cannot be decoded any more
    MISSING = "missing"  # no file of it is there as it was ingested
    CRASHED = "crashed"  # its file ended the worker twice
    TOO_SLOW = "too_slow"  # its file took more time than a worker has
    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"  # the disk is full


# of the file itself: kept, and not tried again until the file or the recipe changes
LASTING = frozenset(
    {Refusal.NO_BOX, Refusal.NO_MOTION, Refusal.UNREADABLE, Refusal.CRASHED, Refusal.TOO_SLOW, Refusal.TOO_LARGE}
)


@dataclass(frozen=True)
class NoPreview:
    """``detail`` never holds anything about a patient."""

    reason: Refusal
    detail: str = ""

    @property
    def lasting(self) -> bool:
        """Whether it would be the same when asked again."""
        return self.reason in LASTING


@dataclass(frozen=True)
class Sample:
    """One coded frame: where its bytes are in the MP4, and when it is shown, in ticks of TIMESCALE."""

    offset: int
    size: int
    key: bool
    ticks: int


@dataclass(frozen=True)
class MadePreview:
    """A preview as a worker made it. ``end``: when the last frame ends, in ticks."""

    mp4: bytes = field(repr=False)
    poster: bytes = field(repr=False)  # JPEG
    width: int
    height: int
    samples: tuple[Sample, ...] = field(repr=False)
    end: int
    time_known: bool


@dataclass(frozen=True)
class Preview:
    """A preview in HOME/previews. Its files may be removed at any time: whoever opens them late asks again.

    Frame i is shown from times[i] to times[i + 1]. Seek to the middle between the two: a browser that is asked for
    the very begin of a frame may show the one before.
    """

    mp4: Path
    poster: Path
    width: int
    height: int
    samples: tuple[Sample, ...] = field(repr=False)
    end: int
    time_known: bool  # False: the file states no time, and 30 frames a second are assumed

    @property
    def times(self) -> tuple[float, ...]:
        """Seconds, one more than there are frames: the last is the end."""
        return (*(sample.ticks / TIMESCALE for sample in self.samples), self.end / TIMESCALE)

    @property
    def frames_per_second(self) -> float:
        """The mean over the cine."""
        return len(self.samples) * TIMESCALE / self.end
