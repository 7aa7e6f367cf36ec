"""Peers that send or serve cines, as processes that can be killed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.ingest.conftest import write_cine

ROOT = Path(__file__).parents[3]


def write_cines(folder: Path, count: int, day: str = "20240314") -> set[bytes]:
    """Write ``count`` cines, ten of a study; return their bytes."""
    for number in range(count):
        study = f"1.2.392.{number // 10}"
        write_cine(
            folder / f"{number:05d}.dcm", f"{study}.{number}", study=study, patient=f"CANARY{number // 10}",
            seed=number, frames=3, StudyDate=day, name="CANARY^Name",
        )  # fmt: skip
    return {path.read_bytes() for path in folder.glob("*.dcm")}


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Peer:
    """A process that is started, killed, and started again."""

    def __init__(self, *command: str) -> None:
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, *self.command], cwd=ROOT, env={"PYTHONPATH": str(ROOT)})

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def wait(self, seconds: float = 120) -> int:
        assert self.process is not None
        return self.process.wait(seconds)


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    """What is started in a test is killed at its end."""
    started: list[Peer] = []
    yield started
    for peer in started:
        peer.kill()


def wait_until_listening(port: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with closing(socket.socket()) as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, "nothing listens"
        time.sleep(0.05)


def stored(inbox: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(inbox.rglob("*.dcm"))]
