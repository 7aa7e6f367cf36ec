"""Unix sockets between processes of one user: a socket in a private folder, and peers that the kernel names."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["connect_peer", "is_ours", "listen", "user_of"]

BACKLOG = 64


def listen(folder: Path, name: str) -> socket.socket:
    """Open a socket that listens on FOLDER/NAME, which nobody else may open. Raises OSError if it is there already."""
    made = socket.socket(socket.AF_UNIX)
    with _short(folder) as short:
        made.bind(f"{short}/{name}")
    os.chmod(folder / name, 0o600)
    made.listen(BACKLOG)
    return made


def connect_peer(folder: Path, name: str) -> socket.socket | None:
    """Connect to the process that listens on FOLDER/NAME; None if none answers there, or one of another user."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        with _short(folder) as short:
            connection.connect(f"{short}/{name}")
        if is_ours(connection):
            return connection
    except OSError:
        pass
    connection.close()
    return None


def user_of(connection: socket.socket) -> int:
    """Return the user id of the process at the other end, as the kernel knows it (SO_PEERCRED)."""
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", said)[1])


def is_ours(connection: socket.socket) -> bool:
    """Return True if the peer is a process of this user, or of root."""
    return user_of(connection) in (0, os.geteuid())


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Yield the folder's path by way of the open folder: a socket's path has 107 bytes at most."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
