"""A file of the export: as the walk found it, and as a run has claimed it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Claimed", "FoundFile", "as_walked"]


@dataclass(frozen=True)
class FoundFile:
    """A regular file as the walk found it. Its path is not printed."""

    path: Path
    size: int
    mtime_ns: int

    def __repr__(self) -> str:
        return f"FoundFile({self.size} bytes)"


@dataclass(frozen=True)
class Claimed:
    """A file's row in the ledger, and the file as it was found: one that a run works on."""

    id: int
    file: FoundFile
    path_key: str
    attempts: int  # this one included


def as_walked(path: Path) -> Path:
    """Return the path as ingest's walk names it: the real folder, then the file's own name. Links are not followed."""
    return Path(os.path.realpath(path.parent)) / path.name
