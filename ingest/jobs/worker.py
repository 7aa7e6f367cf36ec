"""A worker of a job: it claims files that its driver has registered, and runs the ingest's own stages on them.

    claimed_next -> inspected -> admitted -> decoded -> encoded -> written        again, until nothing of the job is due

Many may run, on any machines that see the export at the same path. It sends nothing to the index.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType

from echosearch.archive import Archive
from echosearch.db import Connection
from echosearch.db.files.backing import backed_video, forget_vanished
from echosearch.db.files.claims import claim_next, note_stamps, return_claims
from echosearch.db.files.jobs import JobState, job_options, job_sight, job_state
from echosearch.db.files.leases import end_lease, held_shared, lock_writer, start_leased_run, take_back
from echosearch.db.files.sight import stamp_of
from echosearch.errors import ConfigError, InputError, LeaseLost, StoreUnreachable
from echosearch.source_file import Claimed, FoundFile
from ingest.jobs.agreement import Requirements
from ingest.jobs.heartbeat import Heartbeat
from ingest.progress import Progress
from ingest.run import Run
from ingest.stages import admitted, decoded, encoded, inspected, written

__all__ = ["WORKER_GROUP", "WorkSummary", "host_name", "work"]

WORKER_GROUP = 64  # files claimed and admitted together: the writer lock of all machines is taken once for them
PAUSE_SECONDS = 1.0  # until a worker asks again, where nothing is free and the job goes on
UNDRIVEN_SECONDS = 300.0  # for which a worker waits where nothing is due and no driver lives


@dataclass(frozen=True)
class WorkSummary:
    """What one worker has done for a job."""

    job: int
    files: int  # whose outcome it found
    new_videos: int
    encoder_batches: int
    seconds: float
    stage_seconds: dict[str, float]
    bottleneck: str


def work(
    archive: Archive, job: int, on_progress: Callable[[Progress], None] = lambda _: None, pause: float = PAUSE_SECONDS
) -> WorkSummary:
    """Take files of a job, and do them, until nothing is due, its driver has closed it, or no driver lives any more.

    Raises, before anything is claimed, InputError if there is no such job, EncoderMismatch or ConfigError if this
    machine has another encoder, key, version or issuer than the job, or does not see its export; ArchiveLocked if a
    command holds the archive alone. Later LeaseLost, StoreUnreachable: others take over what it had claimed.
    """
    with held_shared(archive.engine), Worker(archive, job, on_progress) as run:
        idle_since = None
        while True:
            before = run.done
            clips = decoded(run, admitted(run, inspected(run, run.claimed_next())))
            for _ in written(run, encoded(run, clips)):
                pass
            with archive.engine.connect() as connection:
                state = job_state(connection, job)
            now = time.monotonic()
            idle_since = now if idle_since is None or run.done > before or state.driven or state.due else idle_since
            if _is_over(state) or now - idle_since > UNDRIVEN_SECONDS:
                return run.work_summary()
            run.check()
            time.sleep(pause)


def _is_over(state: JobState) -> bool:
    return state.finished or (state.walked and not state.due)


class Worker(Run):
    """The run of one worker. Entering it checks this machine and begins a lease; leaving it gives claims back."""

    group = WORKER_GROUP
    fills_batches = True  # the bits of a vector must not depend on how the files were shared out

    def __init__(self, archive: Archive, job: int, on_progress: Callable[[Progress], None]) -> None:
        with archive.engine.connect() as connection:
            found = job_options(connection, job)
            if found is None:
                raise InputError(f"there is no job {job} in this archive: echosearch status lists those that go on")
            self.sight = job_sight(connection, job)
        assert self.sight.root is not None
        self.encoder_id, options = found
        self.job, self.agreement = job, Requirements(**options)
        super().__init__(archive, self.sight.root, self.agreement.options, on_progress)

    def __enter__(self) -> Worker:
        self.agreement.check(Requirements.of(self.archive, self.options), self.job)
        self.archive.check_key()
        self._check_sight()
        seconds = self.archive.settings.lease_seconds
        with self.archive.engine.begin() as connection:
            self.id = start_leased_run(connection, self.encoder_id, self.job, seconds, host_name())
        self.leased_run = self.id
        self._heartbeat = Heartbeat(self.archive.engine, self.id, seconds, self.counts).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._heartbeat.__exit__(kind, error, trace)
        with suppress(StoreUnreachable), self.archive.engine.begin() as connection:
            lock_writer(connection)
            end_lease(connection, self.id, self.counts())

    def claimed_next(self) -> Iterator[Claimed]:
        """Yield claims, committed before any worker touches the files. Ends when nothing is free.

        It never waits: what is not free may be this very run's, and wait for the stages behind.
        """
        while True:
            with self.writing() as connection:
                take_back(connection)
                claims = claim_next(connection, self.id, self.job, self.group)
            if not claims:
                return
            yield from self._seen(claims)

    def _seen(self, claims: list[Claimed]) -> list[Claimed]:
        """Return the claimed files as they are now. Those that are gone are given up, or forgotten if never read."""
        there, changed, gone = [], [], []
        for claim in claims:
            stamp = stamp_of(claim.file.path)
            if stamp is None:
                gone.append(claim.id)
                continue
            if stamp != (claim.file.size, claim.file.mtime_ns):
                claim = replace(claim, file=FoundFile(claim.file.path, *stamp), attempts=1)
                changed.append(claim)
            there.append(claim)
        if gone:
            self._check_sight()
        if changed or gone:
            with self.writing() as connection:
                note_stamps(connection, changed)
                self._give_up(connection, gone)
        return there

    def _give_up(self, connection: Connection, gone: list[int]) -> None:
        backing = backed_video(connection, gone)
        forgotten = forget_vanished(connection, [one for one in gone if one not in backing], self.sight)
        return_claims(connection, [one for one in gone if one not in forgotten])
        self.advance(len(gone))

    def _check_sight(self) -> None:
        if not self.sight.is_clear:
            raise ConfigError(
                f"this machine does not see the export of job {self.job}: mount it at the same path as on the machine"
                " of the driver"
            )

    def check(self) -> None:
        """Raise LeaseLost if the heartbeat came too late."""
        if self._heartbeat.lost:
            raise LeaseLost(f"the lease of run {self.id} is over: others have its files now; start it again")

    def counts(self) -> dict[str, object]:
        """Return what the heartbeat says."""
        return {
            "files": self.done,
            "new_videos": self.new_videos,
            "encoder_batches": self.encoder_batches,
            "stage": self.clock.bottleneck,
            "lease_seconds": self.archive.settings.lease_seconds,
        }

    def work_summary(self) -> WorkSummary:
        """Return what this worker has done."""
        return WorkSummary(
            self.job,
            self.done,
            self.new_videos,
            self.encoder_batches,
            self.clock.elapsed,
            {stage: round(seconds, 3) for stage, seconds in self.clock.seconds.items()},
            self.clock.bottleneck,
        )


def host_name() -> str:
    """Return machine and process, for status."""
    return f"{socket.gethostname()}:{os.getpid()}"
