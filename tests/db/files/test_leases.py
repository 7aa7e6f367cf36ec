"""Locks and leases: who may write when several machines work at one archive."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from echosearch.db.files import leases
from echosearch.db.files.claims import claim_next, register
from echosearch.db.files.jobs import begin_job
from echosearch.db.files.leases import (
    MAX_ORPHANED,
    DriverLock,
    check_lease,
    end_lease,
    held_alone,
    held_shared,
    lock_writer,
    renew_lease,
    start_leased_run,
    take_back,
)
from echosearch.db.files.ledger import single_ingest
from echosearch.errors import ArchiveLocked, LeaseLost, StoreUnreachable
from echosearch.source_file import FoundFile
from tests.db.conftest import KEYRING, Ledger

FILES = [FoundFile(Path(f"/root/IM_{number:04d}"), 1000, 1) for number in range(6)]
OVER = "update core.ingest_run set lease_until = clock_timestamp() - interval '1 s' where id = :run"


@pytest.fixture
def start(engine: Engine, ledger: Ledger) -> Callable[..., tuple[int, int]]:
    """Start a run with a lease of a job that has FILES; return (run, job)."""

    def begin(seconds: float = 60.0) -> tuple[int, int]:
        with engine.begin() as connection:
            job = begin_job(connection, ledger.encoder_id, {}, Path("/root"), [])
            register(connection, KEYRING, job, FILES)
            return start_leased_run(connection, ledger.encoder_id, job, seconds, "here:1"), job

    return begin


def rows(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        found = connection.execute(
            text("select state, reason, attempts, orphaned, claimed_by from core.source_file order by id")
        )
        return [tuple(row) for row in found]


def test_a_transaction_that_waited_is_refused_by_the_time_of_its_check(
    engine: Engine, start: Callable[..., tuple[int, int]]
) -> None:
    """A worker that was stopped, or waited, has begun its transaction long before: now() would still allow it."""
    run, _ = start(seconds=1.0)

    def write() -> None:
        with engine.begin() as connection:
            check_lease(connection, run)

    with ThreadPoolExecutor(1) as thread:
        with engine.begin() as connection:
            lock_writer(connection)
            waiting = thread.submit(write)
            time.sleep(1.5)
        with pytest.raises(LeaseLost):
            waiting.result()


def test_writers_of_all_machines_take_turns(engine: Engine, start: Callable[..., tuple[int, int]]) -> None:
    run, _ = start()
    with ThreadPoolExecutor(1) as thread:
        with engine.begin() as connection:
            check_lease(connection, run)
            other = thread.submit(lambda: _locked_for(engine))
            time.sleep(0.3)
            assert not other.done()
        assert other.result() >= 0.2


def _locked_for(engine: Engine) -> float:
    began = time.monotonic()
    with engine.begin() as connection:
        lock_writer(connection)
    return time.monotonic() - began


def test_a_writer_that_stalls_loses_the_lock(
    engine: Engine, start: Callable[..., tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that hangs in a transaction must not stop all others."""
    monkeypatch.setattr(leases, "STALLED_SECONDS", 1)
    run, _ = start()
    with engine.connect() as connection:
        check_lease(connection, run)
        assert _locked_for(engine) > 0.0  # it has got it
        with pytest.raises(StoreUnreachable, match="stopped or cut off"):
            connection.execute(text("select 1"))
        connection.invalidate()


def test_claims_are_taken_back_only_of_runs_that_ended_or_whose_lease_is_over(
    engine: Engine, start: Callable[..., tuple[int, int]]
) -> None:
    one, job = start()
    two, _ = start()
    three, _ = start()
    for run in (one, two, three):
        with engine.begin() as connection:
            assert len(claim_next(connection, run, job, 2)) == 2
    with engine.begin() as connection:
        assert take_back(connection) == 0
    assert [row[4] for row in rows(engine)] == [one, one, two, two, three, three]
    with engine.begin() as connection:
        connection.execute(text(OVER), {"run": one})
        end_lease(connection, two, {})
    with engine.begin() as connection:
        assert take_back(connection) == 1
    assert [row[2:] for row in rows(engine)] == [(0, 1, None)] * 4 + [(1, 0, three)] * 2
    with engine.begin() as connection:
        assert not renew_lease(connection, one, 60.0, {})  # for good: its files are others' now
        assert renew_lease(connection, three, 60.0, {"files": 3})


def test_a_renewal_under_way_is_either_before_or_too_late(
    engine: Engine, start: Callable[..., tuple[int, int]]
) -> None:
    """Else a run would have its lease again after its files were given away."""
    run, job = start(seconds=1.0)
    with engine.begin() as connection:
        claim_next(connection, run, job, 2)
    with ThreadPoolExecutor(1) as thread, engine.connect() as renewing:
        assert renew_lease(renewing, run, 60.0, {})  # not committed yet
        time.sleep(1.2)

        def look() -> int:
            with engine.begin() as connection:
                return take_back(connection)

        looking = thread.submit(look)
        time.sleep(0.3)
        renewing.commit()
        assert looking.result() == 0
    assert [row[4] for row in rows(engine)][:2] == [run, run]


def test_a_file_that_fells_its_workers_is_quarantined(engine: Engine, start: Callable[..., tuple[int, int]]) -> None:
    for _ in range(MAX_ORPHANED):
        run, job = start()
        with engine.begin() as connection:
            assert claim_next(connection, run, job, 1)
        with engine.begin() as connection:
            connection.execute(text(OVER), {"run": run})
        with engine.begin() as connection:
            take_back(connection)
    assert rows(engine)[0][:4] == ("quarantined", "RUN_DIED", 0, MAX_ORPHANED)
    assert rows(engine)[1][:2] == ("registered", None)


def test_the_ingest_lock_is_shared_by_workers_or_held_alone(engine: Engine) -> None:
    with held_shared(engine), held_shared(engine), pytest.raises(ArchiveLocked), held_alone(engine):
        pass
    with held_alone(engine), pytest.raises(ArchiveLocked), held_shared(engine):
        pass


def test_who_holds_the_archive_alone_ends_every_lease(engine: Engine, start: Callable[..., tuple[int, int]]) -> None:
    """A worker may have lost the session of its lock, and not its lease."""
    run, _ = start()
    with single_ingest(engine), pytest.raises(LeaseLost), engine.begin() as connection:
        check_lease(connection, run)


def test_one_driver_and_only_while_its_session_lives(engine: Engine) -> None:
    with DriverLock(engine) as lock:
        lock.check()
        with pytest.raises(ArchiveLocked, match="another driver"), DriverLock(engine):
            pass
    with DriverLock(engine) as lock:
        end_driver_session(engine)
        with pytest.raises(StoreUnreachable):
            lock.check()


def end_driver_session(engine: Engine) -> None:
    """End the session that holds the driver lock, as a broken network does."""
    with engine.begin() as connection:
        ended = connection.scalar(
            text("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = :key"),
            {"key": leases.DRIVER_LOCK & 0xFFFFFFFF},
        )
        assert ended
