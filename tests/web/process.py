"""`echosearch serve` as a process of its own, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import httpx

from tests.cli.conftest import KEPT, PROGRAM

__all__ = ["ServerProcess", "open_folder", "start"]


def open_folder(folder: Path) -> Path:
    """The folder, which PostgreSQL's user may pass through."""
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    return folder


def start(folder: Path, *args: str) -> subprocess.Popen[bytes]:
    """A command on the archive in ``folder``/home, in a process group of its own; what it says is added to a log."""
    kept = {name: os.environ[name] for name in (*KEPT, "PYTHONPATH") if name in os.environ}
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            [*PROGRAM, *args],
            env=kept | {"ECHOSEARCH_HOME": str(folder / "home")},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class ServerProcess:
    """A running server; killed at the end if it still runs."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}", folder / "log"
        self.process = start(folder, "serve", "--port", str(port))

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait_until_ready(self, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
