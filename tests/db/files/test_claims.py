"""Files of a job: registered by its driver, each claimed by one worker, and what a machine may call gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from sqlalchemy import Engine, text

from echosearch.db.admission.admit import admit
from echosearch.db.files.backing import forget_vanished
from echosearch.db.files.claims import claim_next, register
from echosearch.db.files.jobs import begin_job, finish_job, job_state, note_walked, open_jobs
from echosearch.db.files.leases import start_leased_run
from echosearch.db.files.sight import Sight
from echosearch.db.vectors.write import put_video_vectors
from echosearch.source_file import FoundFile
from tests.db.conftest import KEYRING, Ledger, header, vector_of


class Job:
    """A job with two workers, and files that its driver has found."""

    def __init__(self, ledger: Ledger, files: int) -> None:
        self.engine, self.ledger = ledger.engine, ledger
        self.files = [FoundFile(Path(f"/root/IM_{number:05d}"), 1000, 1) for number in range(files)]
        with self.engine.begin() as connection:
            self.id = begin_job(connection, ledger.encoder_id, {}, Path("/root"), [])
            register(connection, KEYRING, self.id, self.files)
            self.one, self.two = (
                start_leased_run(connection, ledger.encoder_id, self.id, 60.0, f"here:{n}") for n in (1, 2)
            )

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [
                tuple(row) for row in connection.execute(text(f"select {columns} from core.source_file order by id"))
            ]


@pytest.fixture
def job(ledger: Ledger) -> Job:
    return Job(ledger, 10)


def test_two_workers_never_claim_one_file(engine: Engine, job: Job) -> None:
    with engine.connect() as one, engine.connect() as two:
        first = claim_next(one, job.one, job.id, 6)
        second = claim_next(two, job.two, job.id, 6)  # the other transaction has not ended
        one.commit()
        two.commit()
    assert [claim.id for claim in first] == sorted(claim.id for claim in first)
    assert (len(first), len(second)) == (6, 4)
    assert not {claim.id for claim in first} & {claim.id for claim in second}
    assert {claim.file.path for claim in first + second} == {found.path for found in job.files}
    with engine.begin() as connection:
        assert claim_next(connection, job.two, job.id, 6) == []


def test_registering_leaves_a_claimed_file_alone_and_starts_others_anew(engine: Engine, job: Job) -> None:
    with engine.begin() as connection:
        claim_next(connection, job.one, job.id, 2)
        connection.execute(text("update core.source_file set state = 'quarantined', reason = 'EMPTY' where id = 3"))
        connection.execute(text("update core.source_file set attempts = 1 where id = 4"))
    with engine.begin() as connection:
        register(connection, KEYRING, job.id, [replace(found, size=2000) for found in job.files[:3]] + job.files[3:4])
    assert job.rows("state, reason, size, attempts, claimed_by")[:4] == [
        ("registered", None, 1000, 1, job.one),
        ("registered", None, 1000, 1, job.one),
        ("registered", None, 2000, 0, None),
        ("registered", None, 1000, 1, None),
    ]


def test_a_vector_is_stored_for_the_claimant_alone(engine: Engine, job: Job) -> None:
    with engine.begin() as connection:
        (claim,) = claim_next(connection, job.one, job.id, 1)
        (video,), _ = admit(connection, KEYRING, job.ledger.encoder_id, [(claim, header("1.1"))])
        vectors = [(claim.id, video.video_key, video.study_key, vector_of("1.1"))]
        assert put_video_vectors(connection, job.ledger.encoder_id, job.two, vectors) == 0
        assert put_video_vectors(connection, job.ledger.encoder_id, job.one, vectors) == 1


def test_a_job_goes_on_until_nothing_is_free_or_claimed(engine: Engine, job: Job) -> None:
    with engine.begin() as connection:
        note_walked(connection, job.id)
        claim_next(connection, job.one, job.id, 10)
        assert job_state(connection, job.id).due  # claimed
        connection.execute(text("update core.source_file set state = 'skipped', reason = 'STILL', claimed_by = null"))
        state = job_state(connection, job.id)
        assert (state.walked, state.due, state.worked, state.driven) == (True, False, True, False)
        register(connection, KEYRING, job.id, job.files)
        (shown,) = open_jobs(connection)
        assert (shown.job, [run.host for run in shown.runs]) == (job.id, ["here:1", "here:2"])
        finish_job(connection, job.id)
        assert claim_next(connection, job.one, job.id, 10) == []  # the driver does the rest alone


def test_a_job_of_the_same_folder_and_options_goes_on_and_another_is_closed(engine: Engine, job: Job) -> None:
    with engine.begin() as connection:
        note_walked(connection, job.id)
        again = begin_job(connection, job.ledger.encoder_id, {}, Path("/root"), [Path("/root/IM_00000")])
        assert again == job.id
        assert not job_state(connection, job.id).walked
        other = begin_job(connection, job.ledger.encoder_id, {"batch_size": 4}, Path("/root"), [])
        assert other != job.id
        assert job_state(connection, job.id).finished


def test_no_batch_scans_the_ledger(engine: Engine, ledger: Ledger) -> None:
    job = Job(ledger, 5000)
    with engine.begin() as connection:
        connection.execute(text("update core.source_file set state = 'indexed' where id < 4900"))
        connection.execute(text("analyze core.source_file"))
    seen: list[str] = []
    with engine.begin() as connection:
        for query in (
            "select id from core.source_file where job = :job and claimed_by is null and state in ('registered',"
            " 'admitted') order by id limit 64 for update skip locked",
            "select exists (select from core.source_file f where f.claimed_by is not null and f.job = :job)",
        ):
            seen += connection.scalars(text(f"explain {query}"), {"job": job.id}).all()
    plan = "\n".join(seen)
    assert "ix_source_file_claimable" in plan
    assert "ix_source_file_claimed_by" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


def test_a_machine_without_the_export_calls_nothing_gone(
    engine: Engine, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second copy would take over, and the row of the first one would be deleted."""
    export = tmp_path / "export"
    export.mkdir()
    (export / "IM_0001").touch()
    monkeypatch.undo()  # here files are what they are
    ids = []
    with engine.begin() as connection:
        for name in ("IM_0001", "IM_0002"):
            job = begin_job(connection, ledger.encoder_id, {}, export, [export / "IM_0001"])
            register(connection, KEYRING, job, [FoundFile(export / name, 1, 1)])
        ids = [row[0] for row in connection.execute(text("select id from core.source_file order by id"))]
        mounted = Sight(export, (export / "IM_0001",))
        assert forget_vanished(connection, ids, replace(mounted, witnesses=(export / "IM_0009",))) == set()
        assert forget_vanished(connection, ids, replace(mounted, root=tmp_path / "another")) == set()
        assert forget_vanished(connection, ids, mounted) == {ids[1]}


def test_a_copy_met_by_a_machine_without_the_other_mount_is_a_duplicate(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store(header("1.1"))
    monkeypatch.setattr("echosearch.db.files.sight.stamp_of", lambda path: None)  # it sees neither folder
    with engine.begin() as connection:
        claims = [(ledger.claim(connection, "COPY"), header("1.1"))]
        unseeing = Sight(Path("/elsewhere"), ())
        _, settled = admit(connection, KEYRING, ledger.encoder_id, claims, unseeing)
    assert [str(outcome.reason) for _, outcome in settled] == ["DUPLICATE"]
    assert settled == [(2, ANY)]
