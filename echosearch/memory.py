"""The memory that a process takes, and that the shell lets it have, for messages where that is the cause."""

from __future__ import annotations

import ctypes
import errno
import resource

__all__ = ["is_lack_of_memory", "memory_advice", "share_arenas"]

M_ARENA_MAX = -8  # malloc.h

LACKS = ("failed to map segment", "cannot allocate memory", "can't start new thread", "bad_alloc")


def is_lack_of_memory(error: BaseException) -> bool:
    """Return True for a MemoryError, and for the other errors that a lack of memory shows itself by."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    text = str(error).lower()
    return isinstance(error, ImportError | OSError | RuntimeError) and any(words in text for words in LACKS)


def memory_advice() -> str:
    """Return what to do about a lack of memory: which limit there is, if there is one."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return "free some memory, or use a smaller ECHOSEARCH_WORKERS"
    return f"this shell's limit is {limit // 1024} kB of address space (ulimit -v): raise it, 8000000 is enough"


def share_arenas(most: int) -> None:
    """Let all threads of this process allocate from ``most`` arenas. To be called before there are threads.

    By default glibc gives each of 8 threads a core its own, and an arena keeps what was once allocated from it: a
    server's memory grows with the number of requests that ever ran at one time. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, most)
