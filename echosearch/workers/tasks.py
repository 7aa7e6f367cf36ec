"""The tasks of a worker: read a file's header, or make the clips that the models see. Bytes in, values out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TypeVar

from echosearch.clip import Clip, ClipSpec
from echosearch.errors import EchosearchError, FileRefused
from echosearch.outcome import Outcome, Quarantined, Reason, Skipped
from echosearch.reading.files import file_status
from echosearch.reading.media import MediaIdentity
from echosearch.reading.source import inspect_file, open_source

__all__ = ["ClipTask", "Clips", "InspectTask", "faults_as_values", "has_changed", "inspect", "load_clip", "load_clips"]

T = TypeVar("T")
Task = TypeVar("Task")


@dataclass(frozen=True)
class InspectTask:
    """One file for the header stage."""

    path: Path = field(repr=False)
    issuer: str = ""
    identity: MediaIdentity | None = None
    allow_secondary_capture: bool = False


@dataclass(frozen=True)
class ClipTask:
    """One video for the clip stage; ``size`` and ``mtime_ns`` are the file's when its header was read."""

    path: Path = field(repr=False)
    key: str
    spec: ClipSpec
    size: int | None = None
    mtime_ns: int | None = None
    view_spec: ClipSpec | None = None  # of the view classifier, where one is in use
    decord: bool = False  # read mp4 and avi by decord


@dataclass(frozen=True)
class Clips:
    """The clips of one video that the encoder and the view classifier see."""

    video: Clip
    view: Clip | None


def inspect(task: InspectTask) -> Outcome:
    """Run inspect_file in the pool."""
    return inspect_file(task.path, task.issuer, task.identity, task.allow_secondary_capture)


def load_clip(task: ClipTask) -> Clip | Skipped | Quarantined:
    """Return the encoder's clip alone; see load_clips."""
    clips = load_clips(task)
    return clips.video if isinstance(clips, Clips) else clips


def faults_as_values(read: Callable[[Task], T]) -> Callable[[Task], T | Skipped | Quarantined]:
    """Make a task's function return every fault of its untrusted file as a value. Errors of ours pass, such as a wrong
    ClipSpec's, and a MemoryError, which the pool counts as the worker's death.
    """

    @wraps(read)
    def guarded(task: Task) -> T | Skipped | Quarantined:
        try:
            return read(task)
        except FileRefused as refused:
            return refused.outcome
        except OSError as exc:
            return Quarantined(Reason.UNREADABLE, type(exc).__name__)
        except (EchosearchError, MemoryError):
            raise
        except Exception as exc:  # the one boundary for untrusted files
            return Quarantined(Reason.DECODE_FAILED, f"unforeseen {type(exc).__name__}")

    return guarded


@faults_as_values
def load_clips(task: ClipTask) -> Clips | Skipped | Quarantined:
    """Decode and preprocess one video; every fault of the file is a value. A wrong ClipSpec is an EncoderError.

    CHANGED where size or modification time differ from the header stage's, or change while the frames are read.
    """
    from echosearch.encoder.pixels.preprocess import make_clip  # torch

    if has_changed(task.path, task.size, task.mtime_ns):
        return Quarantined(Reason.CHANGED, "the file changed after its header was read")
    source = open_source(task.path, task.decord)
    clips = Clips(
        make_clip(task.key, source, task.spec),
        make_clip(task.key, source, task.view_spec) if task.view_spec is not None else None,
    )
    if has_changed(task.path, task.size, task.mtime_ns):
        return Quarantined(Reason.CHANGED, "the file changed while it was read")
    return clips


def has_changed(path: Path, size: int | None, mtime_ns: int | None) -> bool:
    """Return True if size or modification time of a file differ from those given. Raises OSError."""
    if size is None and mtime_ns is None:
        return False
    info = file_status(path)
    return size not in (None, info.st_size) or mtime_ns not in (None, info.st_mtime_ns)
