"""The engine's panics, as one exception of ours: Rust ends a damaged index with a BaseException and a text on stderr.

The text goes to the descriptor 2 itself, past Python. Meanwhile that leads to a file in memory: what is not of a panic
is written on afterwards. The command line's own messages have another descriptor (cli/main.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["EnginePanic", "panics_caught"]

STDERR = 2
PANIC = "PanicException"  # pyo3's; the module that it names cannot be imported
DUMP = b"panicked at"


class EnginePanic(Exception):
    """The engine panicked on a state that it holds to be impossible. Never leaves the index package."""


class _Aside:
    """Descriptor 2, led to a file while any thread is inside."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._inside = 0
        self._file = -1
        self._stderr = -1

    def enter(self) -> None:
        with self._guard:
            self._inside += 1
            if self._inside > 1:
                return
            if self._file < 0:
                self._file = os.memfd_create("echosearch-stderr", os.MFD_CLOEXEC)
            try:
                self._stderr = os.dup(STDERR)
            except OSError:  # closed
                return
            os.dup2(self._file, STDERR)

    def leave(self) -> None:
        with self._guard:
            self._inside -= 1
            if self._inside or self._stderr < 0:
                return
            os.dup2(self._stderr, STDERR)
            said = os.pread(self._file, os.fstat(self._file).st_size, 0)
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            if said and DUMP not in said:
                os.write(self._stderr, said)
            os.close(self._stderr)
            self._stderr = -1


_ASIDE = _Aside()


@contextmanager
def panics_caught() -> Iterator[None]:
    """Turn a panic of the engine into EnginePanic and drop its text. Several threads may be inside."""
    _ASIDE.enter()
    try:
        yield
    except BaseException as exc:
        if type(exc).__name__ != PANIC:
            raise
        raise EnginePanic(" ".join(str(exc).split()) or "no reason") from exc
    finally:
        _ASIDE.leave()
