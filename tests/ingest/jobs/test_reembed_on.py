"""A re-embedding that workers share makes what one process makes, whoever is killed; and who may work at it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from echosearch.archive import Archive, open_archive
from echosearch.db.files.jobs import begin_job, open_jobs
from echosearch.db.files.leases import held_alone, release_claims, start_leased_run
from echosearch.db.files.study_ranges import claim_range, write_ranges
from echosearch.db.vectors.generation import begin_generation, register_encoder
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import ArchiveLocked, ConfigError, EncoderMismatch
from ingest.jobs.agreement import Requirements
from ingest.jobs.worker import work
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.reembed import ReembedOptions, reembed
from tests.ingest.jobs.conftest import Site, contents, finish, write_strewn

Sites = Callable[[], Site]
SALT = "retrained"


@pytest.fixture(scope="module")
def strewn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_strewn(tmp_path_factory.mktemp("strewn") / "export", studies=6, a_study=4, odd=2)


@pytest.fixture
def by_one(sites: Sites, strewn: Path) -> dict[str, Any]:
    return ingested(sites(), strewn, again=True)


def ingested(site: Site, root: Path, again: bool) -> dict[str, Any]:
    with site.open() as archive:
        ingest(archive, root, IngestOptions(batch_size=4))
    if not again:
        return {}
    with site.open(SALT) as archive:
        assert reembed(archive, ReembedOptions(batch_size=4)).promoted
    return contents(site, SALT)


def test_two_workers_make_what_one_process_makes(sites: Sites, strewn: Path, by_one: dict[str, Any]) -> None:
    site = sites()
    ingested(site, strewn, again=False)
    promoted, embedded, missing, new = finish(site.start("reembed_once.py", 2, FAKE_SALT=SALT)).split()
    assert (promoted, missing, new) == ("True", "0", embedded)
    assert int(embedded) == len(by_one["videos"])
    assert contents(site, SALT) == by_one
    with site.open() as archive, archive.engine.connect() as connection:
        assert connection.scalar(text("select count(*) from core.study_range")) == 0
        assert connection.scalar(text("select count(*) from core.ingest_run where finished_at is null")) == 0


def test_what_workers_cannot_embed_the_driver_names(sites: Sites, strewn: Path, tmp_path: Path) -> None:
    root = tmp_path / "export"
    shutil.copytree(strewn, root)
    site = sites()
    ingested(site, root, again=False)
    (root / "ST003/IM_003").unlink()
    promoted, embedded, missing, new = finish(site.start("reembed_once.py", 1, FAKE_SALT=SALT)).split()
    assert (promoted, missing, new) == ("False", "1", embedded)


def shared_out(archive: Archive, witness: Path, encoder: FakeEncoder) -> int:
    """A job as a driver has begun it."""
    agreed = Requirements.of(Archive(archive.settings, archive.engine, archive.index, encoder), IngestOptions())
    with archive.engine.begin() as connection:
        encoder_id = register_encoder(connection, encoder.id)
        begin_generation(connection, encoder_id)
        job = begin_job(connection, encoder_id, agreed.as_json(), Path("/"), [witness], "reembed")
        write_ranges(connection, job, 3)
        write_ranges(connection, job, 3)  # by a driver that was started again
        assert connection.scalar(text("select count(*) from core.study_range")) == 3
    return job


def test_a_worker_that_lacks_what_it_needs_refuses(sites: Sites, strewn: Path) -> None:
    site = sites()
    ingested(site, strewn, again=False)
    with site.open() as archive:
        job = shared_out(archive, strewn / "ST000/IM_000", FakeEncoder(salt=SALT))
        settings = site.settings.model_copy(update={"encoder": Path("phantom-tiny")})
        with open_archive(settings) as other, pytest.raises(EncoderMismatch, match="copy its folder there"):
            work(other, job)
        with held_alone(archive.engine), site.open(SALT) as other, pytest.raises(ArchiveLocked):
            work(other, job)
        unseen = shared_out_elsewhere(archive, job)
        with site.open(SALT) as other, pytest.raises(ConfigError, match="does not see the export"):
            work(other, unseen)
        with archive.engine.connect() as connection:
            assert connection.scalar(text("select count(*) from core.study_range where claimed_by is not null")) == 0
            assert connection.scalar(text("select count(*) from core.embedding where encoder_id <> 1")) == 0


def shared_out_elsewhere(archive: Archive, job: int) -> int:
    with archive.engine.begin() as connection:
        connection.execute(text("update phi.job set witnesses = array[cast('/gone/IM' as bytea)]"))
    return job


def test_a_dead_workers_ranges_are_claimed_again(sites: Sites, strewn: Path) -> None:
    site = sites()
    ingested(site, strewn, again=False)
    with site.open() as archive:
        job = shared_out(archive, strewn / "ST000/IM_000", FakeEncoder(salt=SALT))
        with archive.engine.begin() as connection:
            dead, alive = (start_leased_run(connection, 1, job, 60.0, "a:1") for _ in range(2))
            first, second = claim_range(connection, dead, job), claim_range(connection, alive, job)
            assert first is not None
            assert second is not None
            assert first.last < second.first
            connection.execute(text("update core.ingest_run set finished_at = now() where id = :run"), {"run": dead})
            release_claims(connection)
            assert claim_range(connection, alive, job) == first
            assert claim_range(connection, alive, job) is not None
            assert claim_range(connection, alive, job) is None


def at_work(archive: Archive, least: int) -> list[int]:
    """Wait until two workers have embedded so many videos; return their processes."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with archive.engine.connect() as connection:
            runs = [run for job in open_jobs(connection) for run in job.runs if not run.drives]
            done = connection.execute(text("select count(*) from core.embedding where encoder_id <> 1")).scalar_one()
        if len(runs) == 2 and done >= least:
            return [int(run.host.rpartition(":")[2]) for run in runs]
        time.sleep(0.1)
    raise AssertionError("the workers have not begun")


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["worker", "driver"])
def test_killed_in_the_middle_the_end_is_the_same(
    sites: Sites, strewn: Path, by_one: dict[str, Any], tmp_path: Path, killed: str
) -> None:
    site, hold = sites(), tmp_path / "hold"
    ingested(site, strewn, again=False)
    given = {"FAKE_SALT": SALT, "SLOW_WORKERS": str(hold)}
    driver = site.start("reembed_once.py", 2, **given)
    with site.open() as archive:
        workers = at_work(archive, least=4)
        hold.touch()  # so that there is something left to do, however long a second driver takes to start
        if killed == "worker":
            os.kill(workers[0], signal.SIGKILL)
        else:
            second = site.start("reembed_once.py", 2, **given)
            _, said = second.communicate(timeout=120)
            assert (second.returncode, "another driver" in said) == (11, True), said
            driver.kill()
            driver.communicate()
            driver = site.start("reembed_once.py", 2, **given)
        hold.unlink()
        finish(driver)
        with archive.engine.connect() as connection:
            assert connection.scalar(text("select count(*) from core.job where kind = 'reembed'")) == 1
    assert contents(site, SALT) == by_one
