"""One process at a time in a folder.

flock and not a record lock (which fasteners takes): it also keeps two indexes of one process apart, and closing
one of them does not free the other's. Either ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

__all__ = ["free", "lock_holder", "take"]

PAUSE_SECONDS = 0.05


def take(path: Path, wait_seconds: float) -> IO[str] | None:
    """Return the open lock file, with this process's number in it; None if another process held it all the time."""
    deadline = time.monotonic() + wait_seconds
    file = open(path, "a+")  # noqa: SIM115 - open means held
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                return None
            time.sleep(PAUSE_SECONDS)
        else:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            return file


def lock_holder(path: Path) -> int | None:
    """Return the process that took the lock last."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def free(file: IO[str]) -> None:
    """Free the lock explicitly, because a forked child may hold the open file too."""
    fcntl.flock(file, fcntl.LOCK_UN)
    file.close()
