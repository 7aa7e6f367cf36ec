"""The program as a process, and one small archive kept for the tests of every command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from echosearch.cli.main import cli
from echosearch.db.server.engine import open_engine
from tests.cli.json_schema import check_json
from tests.cli.material import write_material
from tests.support.forked_program import python

KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
PROGRAM = [sys.executable, "-c", "from echosearch.cli import main; main()"]


@pytest.fixture(autouse=True)
def slowed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What commands in this process would slow it by: it would slow all tests that it has still to run."""
    asked: list[int] = []
    monkeypatch.setattr("os.nice", asked.append)
    return asked


def run(args: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """The console script in a process of its own, with a clean environment; its output is UTF-8."""
    return _run([python(), *PROGRAM[1:], *args], environment)


def run_anew(args: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """As run(), but started and not forked: Python takes the locale and its own variables from the environment."""
    return _run([*PROGRAM, *args], environment)


def _run(command: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run(
        command, env=kept | environment, capture_output=True, encoding="utf-8", timeout=900, check=False
    )


@dataclass(frozen=True)
class Tried:
    """An archive that has been filled, and what filling it said."""

    folder: Path
    ingested: str = ""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def ask(self, *args: str) -> Result:
        """A command on that archive, in this process; what it prints as JSON is held against its schema."""
        done = CliRunner().invoke(cli, args, env={"ECHOSEARCH_HOME": str(self.home)}, catch_exceptions=False)
        check_json(args, done.stdout)
        return done

    @cached_property
    def server(self) -> Engine:
        """The archive's PostgreSQL: commands join one that runs, where each would start and stop its own."""
        return open_engine(None, self.home)

    @contextmanager
    def served(self) -> Iterator[None]:
        self.home.mkdir(exist_ok=True)
        with self.server.connect():
            pass
        yield
        self.server.dispose()

    def copy(self, folder: Path) -> Tried:
        """The archive once more, copied while nothing runs."""
        self.server.dispose()
        subprocess.run(["cp", "-a", self.home, folder / "home"], check=True)
        with self.server.connect():
            pass
        return Tried(folder)


def folder_with_material(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """What material.py writes, where an archive can be made."""
    folder = tmp_path_factory.mktemp(name)
    folder.chmod(0o755)
    folder.parent.chmod(0o755)  # the embedded server's user must reach its folder
    write_material(folder)
    return folder


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """Real ultrasound under an untrained encoder: three studies of three patients, and four stills."""
    folder = folder_with_material(tmp_path_factory, "real")
    export, reports, encoder = str(folder / "export"), str(folder / "reports.csv"), str(folder / "encoder")
    archive = Tried(folder)
    said = [
        archive.ask("encoder", "init", "--size", "tiny", "--reports", reports, "--out", encoder),
        archive.ask("encoder", "use", encoder),
        archive.ask("ingest", export, "--reports", reports, "--sidecar", str(folder / "sidecar.csv")),
    ]
    assert [one.exit_code for one in said] == [0, 0, 0], [one.output for one in said]
    filled = Tried(folder, said[-1].stdout)
    with filled.served():
        yield filled
