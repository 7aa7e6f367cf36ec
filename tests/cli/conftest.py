"""The program as a process, and one small archive kept for the tests of every command."""

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
from tests.cli.json_schema import check_json
from tests.cli.material import write_material

KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
PROGRAM = [sys.executable, "-c", "from echosearch.cli import main; main()"]


def run(args: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """The console script in a process of its own, with a clean environment; its output is UTF-8 whatever the locale."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run(
        [*PROGRAM, *args], env=kept | environment, capture_output=True, encoding="utf-8", timeout=900, check=False
    )


@dataclass(frozen=True)
class Tried:
    """An archive that has been filled, and what filling it said."""

    folder: Path
    ingested: str

    def ask(self, *args: str) -> Result:
        """A command on that archive, in this process; what it prints as JSON is held against its schema."""
        environment = {"ECHOSEARCH_HOME": str(self.folder / "home")}
        done = CliRunner().invoke(cli, args, env=environment, catch_exceptions=False)
        check_json(args, done.stdout)
        return done


def folder_with_material(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """What material.py writes, where an archive can be made."""
    folder = tmp_path_factory.mktemp(name)
    folder.chmod(0o755)
    folder.parent.chmod(0o755)  # the embedded server's user must reach its folder
    write_material(folder)
    return folder


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """Real ultrasound under an untrained encoder: three studies of three patients, and four stills."""
    folder = folder_with_material(tmp_path_factory, "real")
    export, reports, encoder = str(folder / "export"), str(folder / "reports.csv"), str(folder / "encoder")
    archive = Tried(folder, "")
    said = [
        archive.ask("encoder", "init", "--size", "tiny", "--reports", reports, "--out", encoder),
        archive.ask("encoder", "use", encoder),
        archive.ask("ingest", export, "--reports", reports, "--sidecar", str(folder / "sidecar.csv")),
    ]
    assert [one.exit_code for one in said] == [0, 0, 0], [one.output for one in said]
    return Tried(folder, said[-1].stdout)
