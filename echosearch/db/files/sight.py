"""Which files this machine may call gone: one that does not see an export must not take its files for deleted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Sight", "stamp_of"]


@dataclass(frozen=True)
class Sight:
    """The folder that this machine speaks for, and files of it. None: it speaks for all files.

    With a folder a file is gone only if it was below that, and one of the witnesses is there: an export that is not
    mounted has none of them.
    """

    root: Path | None = None
    witnesses: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        return f"Sight({len(self.witnesses)} witnesses)"  # without a path

    @property
    def is_clear(self) -> bool:
        """True if this machine sees the folder now."""
        return self.root is None or any(os.path.lexists(one) for one in self.witnesses)

    def has_lost(self, path: Path) -> bool:
        """Return True if a file is gone from where it was found."""
        if stamp_of(path) is not None:
            return False
        return self.root is None or (path.is_relative_to(self.root) and self.is_clear)


def stamp_of(path: Path) -> tuple[int, int] | None:
    """Return size and modification time as they are now, None if the file has vanished."""
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_size, info.st_mtime_ns
