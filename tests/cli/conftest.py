"""One run of `echosearch demo`, as a user would start it, kept for the tests of every other command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from echosearch.cli.main import cli

PROGRAM = [sys.executable, "-c", "from echosearch.cli import main; main()"]


def run(args: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """The console script in a process of its own, with a clean environment; its output is UTF-8 whatever the locale."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return subprocess.run(
        [*PROGRAM, *args], env=kept | environment, capture_output=True, encoding="utf-8", timeout=300, check=False
    )


@dataclass(frozen=True)
class Demo:
    """What the demo said, and the archive it left."""

    said: str
    noted: str
    folder: Path

    def ask(self, *args: str) -> Result:
        """A command on that archive, in this process."""
        environment = {"ECHOSEARCH_HOME": str(self.folder / "home")}
        return CliRunner().invoke(cli, args, env=environment, catch_exceptions=False)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    place = tmp_path_factory.mktemp("demo")
    place.chmod(0o755)
    place.parent.chmod(0o755)  # the embedded server's user must reach its folder
    done = run(["demo", "--keep"], TMPDIR=str(place), LC_ALL="C", OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    return Demo(done.stdout, done.stderr, next(place.glob("echosearch-demo-*")))
