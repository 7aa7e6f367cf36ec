"""The driver of a job: it walks and registers, watches the workers, relays, and does at the end what is done once.

    walk -> unfinished -> registered            claims, decoding and vectors are the workers' (worker.py)
    then, alone: files that a sidecar names, copies, links, reports, the index

A driver that dies is started again with the same command: PostgreSQL knows what is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from echosearch.archive import Archive
from echosearch.batch import batched
from echosearch.db import Connection, Engine
from echosearch.db.files.backing import mend_backing
from echosearch.db.files.claims import register
from echosearch.db.files.jobs import (
    WITNESSES,
    JobProgress,
    begin_job,
    finish_job,
    job_progress,
    job_state,
    note_walked,
)
from echosearch.db.files.leases import (
    DriverLock,
    held_shared,
    lock_writer,
    release_claims,
    start_leased_run,
    take_back,
)
from echosearch.db.files.sight import Sight
from echosearch.source_file import FoundFile
from ingest.jobs.agreement import Requirements
from ingest.jobs.heartbeat import Heartbeat
from ingest.jobs.leased import host_name
from ingest.options import IngestOptions, IngestSummary
from ingest.pipeline import settle_run, take_in_all
from ingest.progress import Progress
from ingest.relay import RelayThread
from ingest.run import Run
from ingest.stages import unfinished
from ingest.verify import heal
from ingest.walk import walk

__all__ = ["Launcher", "close_if_done", "drive", "wait_for_workers"]

REGISTERED = 1000  # files a transaction
WATCH_SECONDS = 1.0


class Launcher(Protocol):
    """Starts the workers of a job, and watches them."""

    def start(self, job: int) -> None:
        """Start them. Called once, when there is something to claim."""
        ...

    def check(self) -> None:
        """Start those anew that have died. Raises EchosearchError where none can work at the job."""
        ...

    def stop(self, done: bool) -> None:
        """Stop those that still run. ``done``: nothing of the job is left, and each ends by itself."""
        ...


def drive(
    archive: Archive,
    root: Path,
    options: IngestOptions,
    launcher: Launcher,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> IngestSummary:
    """Bring everything under ``root`` into the archive by the workers that ``launcher`` starts.

    Raises what ``ingest`` raises; ArchiveLocked also if another driver lives.
    """
    with (
        held_shared(archive.engine),
        DriverLock(archive.engine) as lock,
        Driver(archive, root, options, on_progress) as run,
        RelayThread(archive, archive.encoder_info, run.encoder_id, run.transaction, lock.check) as relay,
    ):
        run.count_ahead()
        own: list[FoundFile] = []
        try:
            run.register_all(launcher, own)
            run.watch(launcher, relay)
        except BaseException:
            launcher.stop(done=False)
            raise
        launcher.stop(done=True)
        run.add_up()
        take_in_all(run, relay, iter(own))
        settle_run(run, relay)
        return run.finish(relay.sent)


class Driver(Run):
    """The run of a job's driver. It holds the driver lock; it writes as a worker does, under a lease."""

    fills_batches = True

    def __enter__(self) -> Self:
        archive, seconds = self.archive, self.archive.settings.lease_seconds
        archive.check_key()
        witnesses = [found.path for found in islice(walk(self.root, {}), WITNESSES)]
        self.sight = Sight(self.root, tuple(witnesses))
        with archive.engine.begin() as connection:
            lock_writer(connection)
            self.encoder_id = self.take_generation(connection)
            agreed = Requirements.of(archive, self.options).as_json()
            self.job = begin_job(connection, self.encoder_id, agreed, self.root, witnesses)
            self.id = start_leased_run(connection, self.encoder_id, self.job, seconds, host_name(), drives=True)
            take_back(connection)
            release_claims(connection)  # also of an ingest of one process that died
        self.leased_run = self.id
        self._heartbeat = Heartbeat(archive.engine, self.id, seconds, self._counts).__enter__()
        try:
            with self.writing() as connection:
                self.read_tables(connection)
            with self.writing() as connection:
                mend_backing(connection)
            self.healed = heal(archive, archive.encoder_info, self.encoder_id, self.transaction)
        except BaseException as exc:
            self.__exit__(type(exc), exc, exc.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._heartbeat.__exit__(kind, error, trace)
        if error is not None:  # else finish() has closed the row
            self._heartbeat.end_run()

    def register_all(self, launcher: Launcher, own: list[FoundFile]) -> None:
        """Add what is new, changed or unfinished to the ledger, and start the workers with the first of it.

        ``own`` gets the files that a sidecar names, and by that their patients: the driver ingests those.
        """
        started = False
        files = self.clock.pulling("walk", unfinished(self, walk(self.root, self.unread)))
        for batch in batched(self._of_workers(files, own), REGISTERED):
            with self.writing() as connection:
                register(connection, self.archive.keyring, self.job, batch)
            if not started:
                started = True
                launcher.start(self.job)
            launcher.check()
        with self.writing() as connection:
            note_walked(connection, self.job)

    def _of_workers(self, files: Iterator[FoundFile], own: list[FoundFile]) -> Iterator[FoundFile]:
        for found in files:
            if self.identity(found.path) is None:
                yield found
            else:
                own.append(found)

    def watch(self, launcher: Launcher, relay: RelayThread) -> None:
        """Send points until nothing of the job is due, and close the job: from then on nobody claims."""
        while True:
            with self.writing() as connection:
                closed = close_if_done(connection, self.job)
                done = job_progress(connection, self.job)
            if closed:
                return
            self._show(done)
            relay.nudge()
            launcher.check()
            with self.clock.stage("decode"):  # which is waiting for the workers
                time.sleep(WATCH_SECONDS)

    def add_up(self) -> None:
        """Add what the workers have done, as they say when they end."""
        with self.clock.stage("decode"):
            wait_for_workers(self.archive.engine, self.job)
        with self.archive.engine.connect() as connection:
            done = job_progress(connection, self.job)
        self.new_videos += done.new_videos
        self.encoder_batches += done.encoder_batches
        self.advance(done.files)

    def _show(self, done: JobProgress) -> None:
        clock = self.clock
        self._on_progress(
            Progress(self.found, self.done + done.files, done.new_videos, clock.elapsed, clock.bottleneck)
        )

    def _counts(self) -> dict[str, object]:
        return {
            "files": self.done,
            "new_videos": self.new_videos,
            "stage": self.clock.bottleneck,
            "lease_seconds": self.archive.settings.lease_seconds,
        }


def close_if_done(connection: Connection, job: int) -> bool:
    """Take back what the dead have claimed, and close the job if nothing is due: from then on nobody claims.

    Call it in a transaction that holds the writer lock, or nobody could be kept from claiming meanwhile.
    """
    take_back(connection)
    due = job_state(connection, job).due
    if not due:
        finish_job(connection, job)
    return not due


def wait_for_workers(engine: Engine, job: int) -> None:
    """Return when no worker of the job lives: each ends soon, or its lease does."""
    while True:
        with engine.connect() as connection:
            if not job_state(connection, job).worked:
                return
        time.sleep(WATCH_SECONDS)
