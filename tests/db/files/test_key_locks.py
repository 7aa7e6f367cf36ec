"""Locks by key: who waits for whom, what a changed key or a deadlock leads to, and that the lease counts as before."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from echosearch.db.files.jobs import begin_job
from echosearch.db.files.key_locks import Concerned, write_alone, write_by_key
from echosearch.db.files.leases import WRITER_LOCK, start_leased_run, take_back
from echosearch.errors import LeaseLost
from tests.db.conftest import KEYRING, Ledger, header

ONE, TWO = (Concerned(videos={KEYRING.video(sop)}) for sop in ("1.1", "1.2"))
ALONE = (
    "select exists (select from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and granted"
    " and pid = pg_backend_pid() and objid = :lock)"
)


@pytest.fixture
def run(engine: Engine, ledger: Ledger) -> int:
    with engine.begin() as connection:
        job = begin_job(connection, ledger.encoder_id, {}, Path("/root"), [])
        return start_leased_run(connection, ledger.encoder_id, job, 600.0, "here:1")


@pytest.fixture
def held(engine: Engine, run: int) -> Any:
    """Hold a transaction open that concerns ONE; return what lets it go."""
    began, let_go = Event(), Event()

    def wait(_: Connection) -> None:
        began.set()
        assert let_go.wait(60)

    with ThreadPoolExecutor(1) as thread:
        holding = thread.submit(write_by_key, engine, run, ONE, wait)
        assert began.wait(60)
        yield let_go
        let_go.set()
        holding.result()


def is_alone(connection: Connection) -> bool:
    return bool(connection.scalar(text(ALONE), {"lock": WRITER_LOCK & 0xFFFFFFFF}))


def waits(work: Callable[[], Any], let_go: Event) -> Any:
    """Check that ``work`` waits until ``let_go``; return what it returned."""
    with ThreadPoolExecutor(1) as thread:
        waiting: Future[Any] = thread.submit(work)
        time.sleep(0.5)
        assert not waiting.done()
        let_go.set()
        return waiting.result()


def test_only_transactions_of_the_same_keys_wait(engine: Engine, run: int, held: Event) -> None:
    assert write_by_key(engine, run, TWO, lambda _: "done") == "done"
    assert waits(lambda: write_by_key(engine, run, ONE, is_alone), held) is False


def test_who_writes_alone_waits_for_all(engine: Engine, run: int, held: Event) -> None:
    assert waits(lambda: write_alone(engine, run, is_alone), held) is True


def test_a_study_is_locked_with_its_videos_and_a_file_with_what_it_was(
    engine: Engine, ledger: Ledger, run: int
) -> None:
    ledger.store(header("1.1"))
    (file_id,) = (one.claimed.id for one in ledger.store(header("1.2")))
    began, let_go = Event(), Event()

    def wait(_: Connection) -> None:
        began.set()
        assert let_go.wait(60)

    with ThreadPoolExecutor(1) as thread:
        holding = thread.submit(write_by_key, engine, run, ONE, wait)
        assert began.wait(60)
        waits(lambda: write_by_key(engine, run, Concerned(file_ids=[file_id]), is_alone), let_go)
        holding.result()


def test_where_a_video_has_moved_meanwhile_it_is_done_alone(engine: Engine, ledger: Ledger, run: int) -> None:
    ledger.store(header("1.1", study="1.2.3"), header("1.2", study="1.2.4"))
    began, let_go = Event(), Event()

    def move(connection: Connection) -> None:
        began.set()
        assert let_go.wait(60)
        connection.execute(
            text("update core.video set study_key = cast(:study as uuid) where video_key = cast(:video as uuid)"),
            {"study": KEYRING.study("1.2.4"), "video": KEYRING.video("1.1")},
        )

    with ThreadPoolExecutor(1) as thread:
        moving = thread.submit(write_by_key, engine, run, ONE, move)
        assert began.wait(60)
        assert waits(lambda: write_by_key(engine, run, ONE, is_alone), let_go) is True
        moving.result()


def change(connection: Connection, patient: str) -> None:
    update = "update core.patient set two_sexes = not two_sexes where patient_key = cast(:key as uuid)"
    assert connection.execute(text(update), {"key": patient}).rowcount == 1


def test_of_two_in_a_deadlock_one_is_done_again_alone(engine: Engine, ledger: Ledger, run: int) -> None:
    ledger.store(header("1.1", study="1.2.3", patient="1"), header("1.2", study="1.2.4", patient="2"))
    patients = [KEYRING.patient("", name) for name in ("1", "2")]
    both = Barrier(2)
    alone: list[bool] = []

    def write(first: str, then: str) -> Callable[[Connection], None]:
        calls: list[None] = []

        def body(connection: Connection) -> None:
            change(connection, first)
            calls.append(None)
            if len(calls) == 1:  # now each has a row that the other wants
                both.wait(60)
            change(connection, then)
            alone.append(is_alone(connection))

        return body

    with ThreadPoolExecutor(2) as threads:
        for done in [
            threads.submit(write_by_key, engine, run, ONE, write(*patients)),
            threads.submit(write_by_key, engine, run, TWO, write(*patients[::-1])),
        ]:
            done.result()
    assert sorted(alone) == [False, True]
    with engine.connect() as connection:  # each once
        assert not connection.scalar(text("select bool_or(two_sexes) from core.patient"))


def test_a_lease_that_is_over_writes_nothing(engine: Engine, run: int, held: Event) -> None:
    def expire_and_take_back() -> int:
        with engine.begin() as connection:
            connection.execute(
                text("update core.ingest_run set lease_until = clock_timestamp() where id = :run"), {"run": run}
            )
        return write_alone(engine, other, take_back)

    with engine.begin() as connection:
        other = start_leased_run(connection, 1, 1, 600.0, "here:2")
    assert waits(expire_and_take_back, held) == 1  # not while a transaction of the run is under way
    with pytest.raises(LeaseLost):
        write_by_key(engine, run, TWO, lambda _: pytest.fail("it was run"))
