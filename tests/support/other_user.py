"""A process of another user that has found its way to a socket of ours, whatever the modes of files say."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

__all__ = ["OTHER_USER", "needs_root", "said_to_another_user"]

OTHER_USER = 65534  # nobody
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a process of another user")


def said_to_another_user(folder: Path, name: str, data: bytes) -> bytes:
    """Send bytes to the socket FOLDER/NAME as another user, with every mode open to it; return what it answers."""
    before = folder.stat().st_mode
    folder.chmod(0o711)
    (folder / name).chmod(0o666)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.chdir(folder)
            os.setgroups([])
            os.setgid(OTHER_USER)
            os.setuid(OTHER_USER)
            _ask(name, data, writing)
            os._exit(0)
        os._exit(1)
    os.close(writing)
    try:
        with open(reading, "rb") as answer:
            said = answer.read()
        assert os.waitpid(child, 0)[1] == 0, "the other user could not connect"
    finally:
        (folder / name).chmod(0o600)
        folder.chmod(before)
    return said


def _ask(name: str, data: bytes, writing: int) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(name)
        connection.settimeout(60)
        with suppress(OSError):  # it was closed before it was heard
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while part := connection.recv(1 << 16):
                os.write(writing, part)
