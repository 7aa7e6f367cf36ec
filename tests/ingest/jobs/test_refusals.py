"""A machine that differs from the driver's refuses before it claims a file; and who may work beside whom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from echosearch.archive import Archive, open_archive
from echosearch.cli.main import cli
from echosearch.db.files.claims import register
from echosearch.db.files.jobs import begin_job
from echosearch.db.files.leases import DriverLock, held_alone, renew_lease, start_leased_run
from echosearch.db.vectors import generation
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import ArchiveLocked, EchosearchError, InputError, StoreUnreachable
from echosearch.source_file import FoundFile
from ingest.jobs.agreement import Requirements
from ingest.jobs.driver import drive
from ingest.jobs.ingest_on import ingest_on
from ingest.jobs.worker import work
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.relay import relay
from tests.db.files.test_leases import end_driver_session
from tests.ingest.conftest import write_cine
from tests.ingest.jobs.conftest import Site

JobOf = tuple[Archive, int]


@pytest.fixture
def begun(sites: Callable[[], Site], tmp_path: Path) -> Iterator[tuple[Site, JobOf]]:
    """A job that a driver has begun and walked: two files, and no worker yet."""
    site = sites()
    paths = [write_cine(tmp_path / f"export/IM_{number}", f"1.2.{number}", seed=number) for number in range(2)]
    with site.open() as archive:
        archive.check_key()
        options = Requirements.of(archive, IngestOptions(batch_size=4)).as_json()
        with archive.engine.begin() as connection:
            encoder_id = generation.register_encoder(connection, archive.encoder_info)
            generation.activate(connection, encoder_id)
            job = begin_job(connection, encoder_id, options, tmp_path / "export", paths)
            found = [found_at(path) for path in paths]
            register(connection, archive.keyring, job, found)
            connection.execute(text("update core.job set walked_at = now()"))
        yield site, (archive, job)


def found_at(path: Path) -> FoundFile:
    about = path.stat()
    return FoundFile(path, about.st_size, about.st_mtime_ns)


def claims(archive: Archive) -> int:
    with archive.engine.connect() as connection:
        assert connection.scalar(text("select count(*) from core.ingest_run")) == 0
        return int(connection.execute(text("select coalesce(sum(attempts), 0) from core.source_file")).scalar_one())


def test_a_machine_that_has_all_works(begun: tuple[Site, JobOf]) -> None:
    _, (archive, job) = begun
    done = work(archive, job, pause=0.1)
    assert (done.files, done.new_videos) == (2, 2)
    with archive.engine.connect() as connection:
        assert connection.scalars(text("select state from core.source_file")).all() == ["embedded"] * 2
        assert connection.scalar(text("select count(*) from core.outbox")) == 3  # for the driver's relay
        assert connection.scalar(text("select count(*) from core.ingest_run where finished_at is null")) == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"issuer": "ANOTHER"}, "ECHOSEARCH_ISSUER"),
        ({"key_file": "another"}, "key file"),
    ],
)
def test_other_settings_are_refused(
    begun: tuple[Site, JobOf], tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    site, (archive, job) = begun
    if "key_file" in changed:
        changed = {"key_file": tmp_path / "another"}
        changed["key_file"].write_text("v1 " + "ab" * 32 + "\n")
        changed["key_file"].chmod(0o600)
    settings = site.settings.model_copy(update=changed)
    with open_archive(settings, FakeEncoder()) as other, pytest.raises(EchosearchError, match=said):
        work(other, job)
    assert claims(archive) == 0


def test_a_missing_key_is_never_made_anew(begun: tuple[Site, JobOf], tmp_path: Path) -> None:
    """Two nodes on one archive would each make one, and a patient get two pseudonyms."""
    site, (archive, job) = begun
    with archive.engine.begin() as connection:
        connection.execute(text("delete from phi.source_path"))
        connection.execute(text("delete from core.source_file"))  # not even a file is known yet
    settings = site.settings.model_copy(update={"key_file": tmp_path / "none"})
    with open_archive(settings, FakeEncoder()) as other, pytest.raises(EchosearchError, match="is missing"):
        work(other, job)
    assert not (tmp_path / "none").exists()


def test_another_encoder_is_refused(begun: tuple[Site, JobOf]) -> None:
    site, (archive, job) = begun
    with (
        open_archive(site.settings, FakeEncoder(dimension=16)) as other,
        pytest.raises(EchosearchError, match="encoder"),
    ):
        work(other, job)
    assert claims(archive) == 0


def test_another_version_is_refused(begun: tuple[Site, JobOf]) -> None:
    _, (archive, job) = begun
    with archive.engine.begin() as connection:
        connection.execute(text("""update core.job set options = options || '{"version": "0.0.1"}'"""))
    with pytest.raises(EchosearchError, match=r"0\.0\.1.*same version"):
        work(archive, job)
    assert claims(archive) == 0


def test_a_machine_without_the_export_is_refused_without_naming_it(begun: tuple[Site, JobOf], tmp_path: Path) -> None:
    _, (archive, job) = begun
    os.rename(tmp_path / "export", tmp_path / "elsewhere")
    with pytest.raises(EchosearchError, match="does not see the export") as caught:
        work(archive, job)
    assert str(tmp_path) not in str(caught.value)
    assert claims(archive) == 0
    with archive.engine.connect() as connection:
        assert connection.scalar(text("select count(*) from core.source_file")) == 2  # none is taken for deleted


def test_a_file_that_is_gone_while_others_are_there_is_forgotten(begun: tuple[Site, JobOf], tmp_path: Path) -> None:
    _, (archive, job) = begun
    (tmp_path / "export/IM_1").unlink()
    assert work(archive, job, pause=0.1).new_videos == 1
    with archive.engine.connect() as connection:
        assert connection.scalars(text("select state from core.source_file")).all() == ["embedded"]


def test_no_such_job(begun: tuple[Site, JobOf]) -> None:
    _, (archive, _) = begun
    with pytest.raises(InputError, match="no job 99"):
        work(archive, 99)


class NoWorkers:
    def start(self, job: int) -> None:
        raise AssertionError("nothing is to be started")

    check = stop = start


def test_who_may_work_beside_whom(begun: tuple[Site, JobOf], tmp_path: Path) -> None:
    _, (archive, job) = begun
    with held_alone(archive.engine), pytest.raises(ArchiveLocked):
        work(archive, job)
    with DriverLock(archive.engine), pytest.raises(ArchiveLocked, match="another driver"):
        drive(archive, tmp_path / "export", IngestOptions(), NoWorkers())  # type: ignore[arg-type]
    ingest(archive, tmp_path / "export", IngestOptions(batch_size=4))
    with archive.engine.connect() as connection:  # an ingest of one process does the rest of a job
        assert connection.scalar(text("select finished_at is not null from core.job"))


def test_the_embedded_database_answers_no_other_node(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ECHOSEARCH_DATABASE_URL"):
        ingest_on("ray", 2, archive, tmp_path, IngestOptions())


def test_a_relay_without_its_lock_sends_nothing(begun: tuple[Site, JobOf]) -> None:
    _, (archive, job) = begun
    work(archive, job, pause=0.1)
    with DriverLock(archive.engine) as lock:
        end_driver_session(archive.engine)
        with pytest.raises(StoreUnreachable):
            relay(archive, archive.encoder_info, 1, check=lock.check)
    assert archive.index.collections() == []
    with DriverLock(archive.engine) as lock:
        assert relay(archive, archive.encoder_info, 1, check=lock.check) == 3


def test_without_ray_all_but_ray_works(
    begun: tuple[Site, JobOf], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (archive, _) = begun
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "ingest.jobs.on_ray", raising=False)
    with pytest.raises(InputError, match=r"echosearch\[ray\]"):
        ingest_on("ray", 2, archive, tmp_path, IngestOptions())
    code = "import sys, ingest.jobs.ingest_on, ingest.jobs.worker, ingest.pipeline; print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_worker_that_fails_says_nothing_of_what_it_worked_on(
    begun: tuple[Site, JobOf], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its message may name a file, and what an actor gives back goes through Ray and into its logs."""
    on_ray = pytest.importorskip("ingest.jobs.on_ray", reason="an extra: pip install 'echosearch[ray]'")

    def fail(*_: object) -> None:
        raise OSError(f"cannot read {tmp_path}/CANARY^Name")

    monkeypatch.setattr("ingest.jobs.worker.work", fail)
    monkeypatch.setenv("ECHOSEARCH_HOME", str(tmp_path / "home"))
    code, said = on_ray.WorkerActor(1).work(1)
    assert (code, said.partition(",")[0]) == (1, "OSError in fail")
    assert "CANARY" not in said
    assert str(tmp_path) not in said


def test_status_shows_jobs_and_who_works_at_them(begun: tuple[Site, JobOf]) -> None:
    site, (archive, job) = begun
    with archive.engine.begin() as connection:
        run = start_leased_run(connection, 1, job, 60.0, "node-3:4711")
        renew_lease(connection, run, 60.0, {"files": 12, "new_videos": 9, "stage": "decode", "lease_seconds": 60.0})
    ask = CliRunner(env=site.environment).invoke
    shown = ask(cli, ["status"]).output
    assert f"job {job} (ingest) since" in shown
    assert "1 worker, no driver" in shown
    assert "worker node-3:4711: 12 files, 9 new videos, most time in decode; heard of 0 s ago" in shown
    (told,) = json.loads(ask(cli, ["status", "--json"]).stdout)["jobs"]
    assert (told["job"], told["walked"], told["runs"][0]["files"]) == (job, True, 12)


@pytest.mark.parametrize("options", [["--workers", "2"], ["--on", "workers", "--dry-run"]])
def test_options_that_do_not_go_together(tmp_path: Path, options: list[str]) -> None:
    assert CliRunner().invoke(cli, ["ingest", str(tmp_path), *options]).exit_code == 2
