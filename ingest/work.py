"""What a worker process does with one file. Free of database and encoder: only bytes in, values out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from echosearch.clip import Clip, ClipSpec
from echosearch.encoder.preprocess import make_clip
from echosearch.errors import FileRefused
from echosearch.media import MediaIdentity
from echosearch.source import inspect_file, open_source
from echosearch.study import Outcome, Quarantined, Reason

__all__ = ["DecodeTask", "InspectTask", "decode", "inspect"]


@dataclass(frozen=True)
class InspectTask:
    path: Path = field(repr=False)
    issuer: str = field(repr=False)
    identity: MediaIdentity | None = field(repr=False)
    secondary_capture: bool


@dataclass(frozen=True)
class DecodeTask:
    path: Path = field(repr=False)
    size: int
    mtime_ns: int
    video_key: str
    spec: ClipSpec


def inspect(task: InspectTask) -> Outcome:
    """Header, hash and frame count, or why not."""
    return inspect_file(task.path, task.issuer, task.identity, task.secondary_capture)


def decode(task: DecodeTask) -> Clip | Quarantined:
    """The clip that the encoder wants, or why not. A file that changed since it was inspected is refused."""
    try:
        clip = make_clip(task.video_key, open_source(task.path), task.spec)
        now = os.stat(task.path, follow_symlinks=False)
    except FileRefused as refused:
        if isinstance(refused.outcome, Quarantined):
            return refused.outcome
        return Quarantined(refused.outcome.reason, refused.outcome.detail)
    except OSError as exc:
        return Quarantined(Reason.UNREADABLE, exc.strerror or type(exc).__name__)
    if (now.st_size, now.st_mtime_ns) != (task.size, task.mtime_ns):
        return Quarantined(Reason.CHANGED, "size or time changed while it was read: ingest again")
    return clip
