"""Workers of a job as processes of this machine; or none, where a site starts them: srun, Kubernetes, by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from pydantic import SecretStr

from echosearch.errors import ArchiveLocked, EchosearchError
from echosearch.settings import Settings

__all__ = ["ProcessWorkers"]

RESTARTS = 3  # of each worker that dies: of a signal, or as its lease was over
STOP_SECONDS = 30.0


@dataclass
class _Process:
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    restarts: int = 0


class ProcessWorkers:
    """Run ``echosearch work`` so many times. With 0 it starts none, and waits for what others start."""

    def __init__(
        self,
        settings: Settings,
        workers: int,
        command: Sequence[str] = (),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings, self._workers, self._say = settings, workers, say
        self._command = [*(command or (sys.executable, "-m", "echosearch", "work", "--job"))]
        self._crew: list[_Process] = []

    def start(self, job: int) -> None:
        self._command.append(str(job))
        if not self._workers:
            self._say(f"job {job} has begun: run echosearch work --job {job} on each machine that is to work at it")
        for _ in range(self._workers):
            self._crew.append(self._begin(0))

    def check(self) -> None:
        for place, one in enumerate(self._crew):
            code = one.process.poll()
            died = code is not None and (code < 0 or code == ArchiveLocked.exit_code)
            if died and one.restarts < RESTARTS:
                one.said.close()
                self._crew[place] = self._begin(one.restarts + 1)
        if self._crew and all(one.process.poll() not in (None, 0) for one in self._crew):
            raise EchosearchError(f"no worker can work at the job; the last one said: {self._last_line()}")

    def stop(self, done: bool) -> None:
        for one in self._crew:
            with suppress(subprocess.TimeoutExpired):  # each is about to end by itself, and says then what it has done
                one.process.wait(STOP_SECONDS if done else 0)
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)
        for one in self._crew:
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(STOP_SECONDS)
            if one.process.poll() is None:  # it does not answer: its lease ends by itself
                one.process.kill()
                one.process.wait()
            one.said.close()
        self._crew = []

    def _begin(self, restarts: int) -> _Process:
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        process = subprocess.Popen(self._command, env=self._environment(), stdout=subprocess.DEVNULL, stderr=said)
        return _Process(process, said, restarts)

    def _environment(self) -> dict[str, str]:
        """Return the settings of this process as a worker's, with its share of the decoding processes."""
        settings = self._settings.model_copy(update={"workers": max(1, self._settings.workers // self._workers)})
        given = {}
        for name, value in settings:
            if value is not None:
                plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                given[f"ECHOSEARCH_{name.upper()}"] = plain
        return os.environ | given

    def _last_line(self) -> str:
        said = self._crew[-1].said
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"nothing, and ended with {self._crew[-1].process.returncode}"
