"""A process of another user that has found its way to a socket of ours, whatever the modes of files say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["OTHER_USER", "needs_root", "said_to_another_user"]

OTHER_USER = 65534  # nobody
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a process of another user")

ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(f"/proc/self/fd/{sys.argv[1]}/{sys.argv[2]}")
    connection.settimeout(60)
    try:
        connection.sendall(sys.stdin.buffer.read())
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(1 << 16):
            sys.stdout.buffer.write(part)
    except OSError:  # it was closed before it was heard
        pass
"""


def said_to_another_user(folder: Path, name: str, data: bytes) -> bytes:
    """Send bytes to the socket FOLDER/NAME as another user, with every mode open to it; return what it answers."""
    before, place = os.stat(folder).st_mode, folder / name
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    os.chmod(folder, 0o711)
    os.chmod(place, 0o666)
    try:
        done = subprocess.run(
            [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-c", ASK, str(opened), name],
            input=data,
            capture_output=True,
            user=OTHER_USER,
            group=OTHER_USER,
            extra_groups=[],
            pass_fds=[opened],
            cwd="/",
        )
    finally:
        os.chmod(place, 0o600)
        os.chmod(folder, before)
        os.close(opened)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
