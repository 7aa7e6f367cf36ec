"""Hand a worker its file: opened here, sent as a descriptor, so that the worker needs no right to open any."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path

from echosearch.reading.files import given, open_descriptor

__all__ = ["receive_file", "send_file"]


def send_file(pipe: Connection, path: Path | None, pid: int) -> None:
    """Open ``path`` and send it, or send the error; None: the task has no file. Not a byte of it is read here."""
    try:
        fd = open_descriptor(path) if path is not None else None
    except (OSError, ValueError) as exc:
        pipe.send_bytes(pickle.dumps((path, exc)))
        return
    pipe.send_bytes(pickle.dumps((path, None)))
    if fd is not None:
        try:
            send_handle(pipe, fd, pid)
        finally:
            os.close(fd)


@contextmanager
def receive_file(pipe: Connection) -> Iterator[None]:
    """Take the other end of ``send_file``: inside the block ``open_regular`` opens this path by its descriptor."""
    path, error = pickle.loads(pipe.recv_bytes())
    if path is None:
        yield
        return
    fd = recv_handle(pipe) if error is None else None
    try:
        with given(path, fd if fd is not None else error):
            yield
    finally:
        if fd is not None:
            os.close(fd)
