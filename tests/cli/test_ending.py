"""How a command ends when the system wants it to: told to stop, or with a disk that is nearly full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Tried, run

# the program itself with one more command, which holds the archive open
HOLDING = """
import click, time
from echosearch.archive import open_archive
from echosearch.encoder.fake import FakeEncoder
from echosearch.settings import load_settings

@click.command()
def hold():
    with open_archive(load_settings(), FakeEncoder()) as archive, archive.engine.connect():
        print("open", flush=True)
        time.sleep(300)
"""
PROGRAM = "from echosearch.cli.main import cli, main; cli.lazy['hold'] = ('holding:hold', ''); main()"


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="echosearch-end-") as folder:
        yield Path(folder)


def test_sigterm_ends_as_an_interrupt_does_and_postgresql_with_it(home: Path, tmp_path: Path) -> None:
    (tmp_path / "holding.py").write_text(HOLDING)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "hold"],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "ECHOSEARCH_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    assert (home / "postgres" / "postmaster.pid").exists()
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 128 + signal.SIGTERM
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_a_disk_that_is_nearly_full_ends_an_ingest_and_loses_nothing(real: Tried, home: Path) -> None:
    environment = {"ECHOSEARCH_HOME": str(home), "ECHOSEARCH_ENCODER": str(real.folder / "encoder")}
    ingest = ["ingest", str(real.folder / "export"), "--sidecar", str(real.folder / "sidecar.csv")]
    full = run(ingest, **environment, ECHOSEARCH_MIN_FREE_MB="1000000000")
    assert (full.returncode, full.stdout, full.stderr.count("\n")) == (10, "", 1)
    assert "ECHOSEARCH_MIN_FREE_MB" in full.stderr
    again = run([*ingest, "--json"], **environment)
    assert again.returncode == 0, again.stderr
    assert '"pending": 0' in again.stdout
    assert '"new_videos": 0' in again.stdout  # none was embedded twice
    assert run(["verify"], **environment).returncode == 0
