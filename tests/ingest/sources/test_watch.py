"""A folder that goes on filling: what has stopped growing is searchable, what grows is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from echosearch.archive import Archive
from echosearch.db.files.status import archive_counts
from echosearch.errors import InputError
from ingest.options import IngestOptions, IngestSummary
from ingest.pipeline import ingest
from ingest.progress import Progress
from ingest.sources.arrivals import Arrivals
from ingest.sources.metrics import Metrics, serving
from ingest.sources.watch import watch
from ingest.verify import verify
from tests.cli.conftest import PROGRAM
from tests.ingest.conftest import Export, write_cine
from tests.support.forked_program import python


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_file_is_given_out_when_it_has_stopped_growing(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path)
    assert arrivals.look() == []
    (tmp_path / "a").mkdir()
    growing = tmp_path / "a" / "IM_1"
    growing.write_bytes(b"1")
    assert arrivals.look() == []
    growing.write_bytes(b"12")
    assert arrivals.look() == []
    (tmp_path / "a" / ".partial-1").write_bytes(b"x")
    assert [(one.path, one.size) for one in arrivals.look()] == [(growing, 2)]


def test_a_folder_that_has_not_changed_is_not_listed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "IM_1").write_bytes(b"1")
    os.utime(old, (1, 1))
    arrivals, listed = Arrivals(tmp_path), list[Path]()
    arrivals.look()
    scandir = os.scandir

    def noted(folder: Path) -> Any:
        listed.append(folder)
        return scandir(folder)

    monkeypatch.setattr("os.scandir", noted)
    assert [one.path.name for one in arrivals.look()] == ["IM_1"]
    assert old not in listed
    (old / "IM_2").write_bytes(b"2")
    arrivals.look()
    assert old in listed


def test_a_root_that_goes_away_is_said(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    arrivals = Arrivals(tmp_path / "inbox")
    arrivals.look()
    (tmp_path / "inbox").rmdir()
    with pytest.raises(InputError, match="unmounted"):
        arrivals.look()


def test_what_arrives_is_searchable_and_the_end_is_that_of_one_ingest(archive: Archive, export: Export) -> None:
    export.cine("first", "1.1")
    stopping, settled = Event(), list[IngestSummary]()
    running = Thread(
        target=lambda: settled.append(
            watch(
                archive, export.root, IngestOptions(), stopping, on_settled=settled.append, look_seconds=0.05,
                pause_seconds=0.1,
            )
        )
    )  # fmt: skip
    running.start()
    until(lambda: bool(settled) and settled[-1].indexed == 1)
    growing = export.root / "late" / "IM_2"
    whole = write_cine(export.root.parent / "elsewhere", "1.2", seed=1).read_bytes()
    growing.parent.mkdir()
    with open(growing, "wb") as file:  # a writer that takes its time
        for start in range(0, len(whole), len(whole) // 5):
            file.write(whole[start : start + len(whole) // 5])
            file.flush()
            time.sleep(0.02)
    until(lambda: settled[-1].indexed == 2)
    stopping.set()
    running.join(60)
    assert (settled[-1].found, settled[-1].indexed, settled[-1].quarantined) == (2, 2, 0)
    again = ingest(archive, export.root, IngestOptions())
    assert (again.new_videos, again.index_writes) == (0, 0)
    assert verify(archive).clean


# the program, but settled after half a second without a new file and not after thirty
IMPATIENT = """
from functools import partial
from ingest.sources import watch
watch.watch = partial(watch.watch, look_seconds=0.1, pause_seconds=0.5)
from echosearch.cli import main
main()
"""


def test_the_command_ends_cleanly_by_a_signal(export: Export, tmp_path: Path) -> None:
    """A line of --json each time that it has settled, the last at the end; --log-json says nothing of a patient."""
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    export.cine("CANARY_IM_1", "1.1")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment = kept | {"ECHOSEARCH_HOME": str(tmp_path / "home"), "ECHOSEARCH_WORKERS": "1"}
    subprocess.run(
        [python(), *PROGRAM[1:], "encoder", "use", "phantom-tiny"], env=environment, check=True, capture_output=True
    )
    command = [
        python(),
        "-c",
        IMPATIENT,
        "ingest",
        str(export.root),
        "--watch",
        "--json",
        "--log-json",
        "--metrics",
        "127.0.0.1:0",
    ]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        first = json.loads(running.stdout.readline())
        running.send_signal(signal.SIGTERM)
        rest, said = running.communicate(timeout=120)
    assert (running.returncode, first["indexed"]) == (0, 1)
    assert json.loads(rest.splitlines()[-1])["indexed"] == 1
    events = [json.loads(line) for line in said.splitlines()]
    assert [one["event"] for one in events if one["event"] != "progress"] == ["started", "settled", "ended"]
    assert "CANARY" not in said
    assert "CANARY" not in rest


def test_metrics_show_rates_queues_and_reasons(archive: Archive, mixed: Export) -> None:
    shown = Metrics(archive)
    ingest(archive, mixed.root, IngestOptions(), shown.advance)
    with serving("127.0.0.1:0", shown) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        with archive.engine.connect() as connection:
            counts = archive_counts(connection)
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        assert float(values['echosearch_files{outcome="indexed"}']) == counts.indexed == 10
        assert float(values['echosearch_files_left_out{reason="DUPLICATE"}']) == 1
        assert float(values['echosearch_points_due{collection="videos"}']) == 0
        assert float(values["echosearch_run_videos_total"]) == 10
        assert float(values["echosearch_run_files_total"]) == counts.found
        assert "CANARY" not in "".join(lines)
        with pytest.raises(InputError, match="another port"), serving(f"127.0.0.1:{port}", Metrics()):
            pass


@pytest.mark.parametrize("address", ["9464", "host:", "host:port", "host:70000"])
def test_what_is_no_address_of_metrics(address: str) -> None:
    with pytest.raises(InputError, match="--metrics"), serving(address, Metrics()):
        pass


def test_progress_is_shown_before_the_files_are_counted() -> None:
    shown = Metrics()
    shown.advance(Progress(None, 3, 2, 1.5, "decode"))
    names = {metric.name for metric in shown.collect()}
    assert "echosearch_run_files" in names
    assert "echosearch_run_files_left" not in names
