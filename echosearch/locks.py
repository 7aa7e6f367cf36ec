"""What ends with a process, however that ends: its lock on a folder, and its children.

The lock is flock and not a record lock (which fasteners takes): it also keeps two indexes of one process apart, and
closing one of them does not free the other's.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from pathlib import Path
from typing import IO

__all__ = ["die_with", "free", "lock_holder", "take"]

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


def die_with(lifeline: int) -> int:
    """Let the kernel end this process (SIGKILL) when the other end of the pipe ``lifeline`` closes.

    It closes when the process that holds it ends, however that ends. Return the descriptor that must stay open for it.
    No thread is needed, so it works while a library hangs in C and holds the GIL. (The parent-death signal of prctl
    ends a process with the thread that made it, and a worker's parent is the fork server, which lives until its last
    worker has gone.)
    """
    # opened anew: the owner belongs to the open file, which all children would otherwise share
    fd = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it closed before the kernel was asked to watch
        os._exit(0)
    return fd
