"""Who may write, on which machine, and until when: the archive's locks, and the leases of runs.

    ingest lock   held alone by an ingest or reembed of one process, verify, index; shared by the runs of a job
    driver lock   held by one driver at a time: only the driver sends points to the index
    writer lock   held for one transaction, by one transaction of all machines
    lease         of a run with a job: renewed while it lives, over when it does not

A run with a lease writes under the writer lock, after it has read there that its lease is not over; claims are taken
back under the same lock. So a machine that was stopped or cut off, and comes back, writes nothing. Only PostgreSQL's
clock counts, and of that the time of the statement: a transaction may have waited long for its lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from sqlalchemy import Connection, Engine, text

from echosearch.db.server.engine import LOCK_SECONDS, STATEMENT_SECONDS
from echosearch.errors import ArchiveLocked, LeaseLost
from echosearch.outcome import Reason

__all__ = [
    "INGEST_LOCK",
    "MAX_ORPHANED",
    "DriverLock",
    "check_lease",
    "end_lease",
    "end_leases",
    "held_alone",
    "held_shared",
    "is_lease_over",
    "lock_writer",
    "release_claims",
    "renew_lease",
    "share_writer",
    "start_leased_run",
    "take_back",
]

INGEST_LOCK = 0x6563686F  # "echo"
DRIVER_LOCK = 0x6563686F_02  # 01 is of the migrations
WRITER_LOCK = 0x6563686F_03
MAX_ORPHANED = 25  # run deaths; most are not the file's fault, but a file that fells the machine must end somewhere
STALLED_SECONDS = 60  # a transaction that holds the writer lock and says nothing for so long is ended by PostgreSQL
_LIVE = "r.finished_at is null and r.lease_until is not null"


@contextmanager
def held_alone(engine: Engine) -> Iterator[None]:
    """Take the ingest lock alone, on a connection of its own. Raises ArchiveLocked."""
    taken = "pg_try_advisory_lock", "pg_advisory_unlock"
    said = (
        "another ingest, reembed or verify is running on this archive, or workers of a job (echosearch status): wait"
        " for it to end, or stop it"
    )
    with _held(engine, *taken, INGEST_LOCK, said):
        yield


@contextmanager
def held_shared(engine: Engine) -> Iterator[None]:
    """Take the ingest lock together with the other runs of a job. Raises ArchiveLocked."""
    taken = "pg_try_advisory_lock_shared", "pg_advisory_unlock_shared"
    said = (
        "an ingest of one process, a reembed, verify or index command is running on this archive, and no worker may "
        "beside it: wait for it to end, or stop it"
    )
    with _held(engine, *taken, INGEST_LOCK, said):
        yield


@contextmanager
def _held(engine: Engine, take: str, free: str, lock: int, said: str) -> Iterator[Connection]:
    with engine.connect() as connection:
        if not connection.scalar(text(f"select {take}(:lock)"), {"lock": lock}):
            raise ArchiveLocked(said)
        connection.commit()
        try:
            yield connection
        finally:
            if not connection.invalidated:  # else its session has ended, and its locks with it
                connection.rollback()
                connection.execute(text(f"select {free}(:lock)"), {"lock": lock})
                connection.commit()


class DriverLock:
    """The driver lock, held while this context is open. Raises ArchiveLocked."""

    def __init__(self, engine: Engine) -> None:
        self._holding = _held(
            engine,
            "pg_try_advisory_lock",
            "pg_advisory_unlock",
            DRIVER_LOCK,
            "another driver works at a job of this archive: wait for it to end, or stop it",
        )

    def __enter__(self) -> DriverLock:
        self._connection = self._holding.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holding.__exit__(kind, error, trace)

    def check(self) -> None:
        """Check the session that holds the lock: it answers only while it holds it. Raises StoreUnreachable."""
        self._connection.execute(text("select 1"))
        self._connection.rollback()


def lock_writer(connection: Connection) -> None:
    """Take the writer lock for this transaction, and wait for it however long another one writes."""
    _wait_for_writer(connection, "pg_advisory_xact_lock")


def share_writer(connection: Connection) -> None:
    """Take the writer lock for this transaction together with others that share it (key_locks.py)."""
    _wait_for_writer(connection, "pg_advisory_xact_lock_shared")


def _wait_for_writer(connection: Connection, take: str) -> None:
    connection.execute(
        text(
            "select set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),"
            f" set_config('idle_in_transaction_session_timeout', '{STALLED_SECONDS}s', true)"
        )
    )
    connection.execute(text(f"select {take}(:lock)"), {"lock": WRITER_LOCK})


def check_lease(connection: Connection, run_id: int, lock: Callable[[Connection], None] = lock_writer) -> None:
    """Begin a transaction of a run with a lease: wait for its locks. Raises LeaseLost if the lease is over."""
    lock(connection)
    held = connection.scalar(
        text(
            "select exists (select from core.ingest_run r where r.id = :run and r.finished_at is null"
            " and r.lease_until > clock_timestamp()),"
            f" set_config('statement_timeout', '{STATEMENT_SECONDS}s', true),"
            f" set_config('lock_timeout', '{LOCK_SECONDS}s', true)"
        ),
        {"run": run_id},
    )
    if not held:
        raise LeaseLost(
            f"the lease of run {run_id} is over, as this process was stopped or cut off from PostgreSQL: others have"
            " its files now; start it again"
        )


def start_leased_run(
    connection: Connection, encoder_id: int, job: int, seconds: float, host: str, drives: bool = False
) -> int:
    """Open a run of a job whose lease is of so many seconds; return its id."""
    return int(
        connection.execute(
            text(
                "insert into core.ingest_run (encoder_id, job, drives, host, lease_until) values"
                " (:encoder, :job, :drives, :host, clock_timestamp() + make_interval(secs => :seconds)) returning id"
            ),
            {"encoder": encoder_id, "job": job, "drives": drives, "host": host, "seconds": seconds},
        ).scalar_one()
    )


def renew_lease(connection: Connection, run_id: int, seconds: float, done: Mapping[str, object]) -> bool:
    """Keep a lease that is not over for so many seconds more, and note what is done; return False if it is over."""
    renewed = connection.execute(
        text(
            "update core.ingest_run set lease_until = clock_timestamp() + make_interval(secs => :seconds),"
            " summary = cast(:done as jsonb)"
            " where id = :run and finished_at is null and lease_until > clock_timestamp()"
        ),
        {"run": run_id, "seconds": seconds, "done": json.dumps(done)},
    )
    return renewed.rowcount == 1


def end_lease(connection: Connection, run_id: int, done: Mapping[str, object]) -> None:
    """Close a run, and give back what it has claimed and not done: it was told to stop, or failed."""
    connection.execute(
        text("update core.ingest_run set finished_at = now(), summary = cast(:done as jsonb) where id = :run"),
        {"run": run_id, "done": json.dumps(done)},
    )
    release_claims(connection)


def end_leases(connection: Connection) -> None:
    """Close every run with a lease: the ingest lock is held alone, so none of them lives.

    A process whose session was cut off may have kept its lease. The caller holds the writer lock.
    """
    connection.execute(
        text("update core.ingest_run set finished_at = now() where finished_at is null and lease_until is not null")
    )


def is_lease_over(connection: Connection) -> bool:
    """Return whether there is something to take back. Needs no lock."""
    over = "select from core.ingest_run where finished_at is null and lease_until <= clock_timestamp()"
    return bool(connection.scalar(text(f"select exists ({over})")))


def take_back(connection: Connection) -> int:
    """Close the runs whose lease is over, and make their files free; return how many runs. Holds the writer lock.

    The run's row is written first: a renewal that is under way either comes before that, or finds the run ended.
    """
    ended = connection.execute(
        text(
            "update core.ingest_run set finished_at = now() where finished_at is null"
            " and lease_until <= clock_timestamp()"
        )
    ).rowcount
    if ended:
        release_claims(connection)
    return ended


def release_claims(connection: Connection) -> None:
    """Free the claims of all runs but those with a lease that have not ended. Their files cost no attempt."""
    others = f"not exists (select from core.ingest_run r where r.id = c.claimed_by and {_LIVE})"
    connection.execute(
        text(f"update core.study_range c set claimed_by = null where claimed_by is not null and {others}")
    )
    gone = f"orphaned + 1 >= {MAX_ORPHANED}"
    connection.execute(
        text(
            "update core.source_file c set claimed_by = null, attempts = greatest(attempts - 1, 0),"
            f" orphaned = orphaned + 1, state = case when {gone} then 'quarantined' else state end,"
            f" reason = case when {gone} then '{Reason.RUN_DIED}' else reason end"
            f" where claimed_by is not null and {others}"
        )
    )
