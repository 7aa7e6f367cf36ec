"""Killed, stopped and started again in the middle of a job: nothing lost, nothing twice, and the end is the same."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.db.files.jobs import open_jobs
from echosearch.errors import ArchiveLocked
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from tests.ingest.jobs.conftest import Site, contents, finish, write_strewn

pytestmark = pytest.mark.slow
Sites = Callable[..., Site]


@pytest.fixture(scope="module")
def strewn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_strewn(tmp_path_factory.mktemp("strewn") / "export", studies=10, a_study=6, odd=4)


@pytest.fixture
def expected(sites: Sites, strewn: Path) -> dict[str, Any]:
    site = sites()
    with site.open() as archive:
        ingest(archive, strewn, IngestOptions(batch_size=4))
    return contents(site)


def workers_of(archive: Archive, least: int = 2, videos: int = 20) -> list[int]:
    """Wait until so many workers live and so many videos are embedded; return the workers' processes."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with archive.engine.connect() as connection:
            runs = [run for job in open_jobs(connection) for run in job.runs if not run.drives]
            done = connection.execute(text("select count(*) from core.embedding")).scalar_one()
        if len(runs) >= least and done >= videos:
            return [int(run.host.rpartition(":")[2]) for run in runs]
        time.sleep(0.1)
    raise AssertionError("the workers have not begun")


def children(process: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def test_a_killed_decoder_is_a_value_of_its_file(sites: Sites, strewn: Path, expected: dict[str, Any]) -> None:
    site = sites()
    started = {"program": sys.executable, "STARTED_BY": sys.executable}  # forks share the server of their decoders
    driver = site.start("drive_once.py", strewn, 2, SLOW_WORKERS="1", **started)
    with site.open() as archive:
        (worker, *_) = workers_of(archive, videos=8)
        decoders = [child for server in children(worker) for child in children(server)]
        os.kill(decoders[0], signal.SIGKILL)
    finish(driver)
    assert contents(site) == expected


@pytest.mark.parametrize("by_key", [False, True])
def test_a_killed_worker_is_started_again_and_its_files_are_taken_back(
    sites: Sites, strewn: Path, expected: dict[str, Any], by_key: bool
) -> None:
    site = sites(by_key)
    driver = site.start("drive_once.py", strewn, 2, SLOW_WORKERS="1")
    with site.open() as archive:
        os.kill(workers_of(archive, videos=8)[0], signal.SIGKILL)
        finish(driver)
        with archive.engine.connect() as connection:
            assert connection.execute(text("select sum(orphaned) from core.source_file")).scalar_one() > 0
            assert connection.execute(text("select count(*) from core.ingest_run where not drives")).scalar_one() == 3
    assert contents(site) == expected


@pytest.mark.parametrize("by_key", [False, True])
def test_a_worker_that_was_stopped_past_its_lease_writes_nothing(
    sites: Sites, strewn: Path, expected: dict[str, Any], by_key: bool
) -> None:
    site = sites(by_key)
    driver = site.start("drive_once.py", strewn, 0)  # it starts none
    with site.open() as archive:
        job = begun_job(archive)
        stopped = site.start("work_once.py", job, program=sys.executable, SLOW_WORKERS="1")
        workers_of(archive, least=1, videos=4)
        os.kill(stopped.pid, signal.SIGSTOP)
        finish(site.start("work_once.py", job))
    finish(driver)
    with site.open() as archive:
        done = written(archive)
    os.kill(stopped.pid, signal.SIGCONT)
    _, said = stopped.communicate(timeout=120)
    # where it was stopped in a transaction, PostgreSQL has ended that
    assert (stopped.returncode, "lease" in said) == (11, True) or "stopped or cut off" in said, said
    with site.open() as archive:
        assert written(archive) == done
    assert contents(site) == expected


def begun_job(archive: Archive) -> int:
    """Wait until a driver has registered files; return its job."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with archive.engine.connect() as connection:
            jobs = open_jobs(connection)
            if jobs and connection.execute(text("select count(*) from core.source_file")).scalar_one():
                return jobs[0].job
        time.sleep(0.1)
    raise AssertionError("no driver has begun")


def written(archive: Archive) -> list[Any]:
    """Every row that a worker writes, and the transaction that wrote it last."""
    with archive.engine.connect() as connection:
        return [
            connection.execute(text(f"select cast(xmin as text) as written, * from core.{table} order by 1, 2")).all()
            for table in ("source_file", "video", "embedding", "study_embedding", "outbox")
        ]


def test_a_killed_driver_is_started_again_and_a_second_one_is_refused(
    sites: Sites, strewn: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    site, hold = sites(), tmp_path / "hold"
    driver = site.start("drive_once.py", strewn, 2, SLOW_WORKERS=str(hold))
    with site.open() as archive:
        workers_of(archive, videos=8)
        hold.touch()  # so that there is something left to do, however long a second driver takes to start
        second = site.start("drive_once.py", strewn, 2)
        _, said = second.communicate(timeout=120)
        assert (second.returncode, "another driver" in said) == (11, True), said
        with pytest.raises(ArchiveLocked, match="job"), site.open() as other:
            ingest(other, strewn, IngestOptions())
        driver.kill()
        driver.communicate()
        hold.unlink()
        finish(site.start("drive_once.py", strewn, 2))
        with archive.engine.connect() as connection:
            assert connection.execute(text("select count(*) from core.job")).scalar_one() == 1  # it went on with it
    assert contents(site) == expected
