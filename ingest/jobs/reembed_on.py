"""A re-embedding that many workers share: its driver shares out ranges of studies, and does the rest as one process.

    ranges written -> workers embed -> then, alone: what they could not embed, reports, the index, the hand-over

What the driver does alone is the re-embedding of one process, which finds little left. A driver that dies is started
again with the same command: what is embedded PostgreSQL knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import TracebackType

from echosearch.archive import Archive
from echosearch.db.files.backing import is_unchanged
from echosearch.db.files.jobs import (
    WITNESSES,
    JobProgress,
    begin_job,
    job_progress,
    worked_elsewhere,
)
from echosearch.db.files.leases import (
    DriverLock,
    check_lease,
    held_shared,
    lock_writer,
    release_claims,
    start_leased_run,
    take_back,
)
from echosearch.db.files.ledger import is_ingest_running
from echosearch.db.files.study_ranges import write_ranges
from echosearch.db.upkeep.reembedding import unembedded
from echosearch.errors import ArchiveLocked
from ingest.jobs import driver
from ingest.jobs.agreement import Requirements
from ingest.jobs.driver import Launcher
from ingest.jobs.heartbeat import Heartbeat
from ingest.jobs.leased import host_name
from ingest.options import IngestOptions
from ingest.progress import Clock, Progress
from ingest.reembed import Reembedding, ReembedOptions, ReembedSummary, reembed

__all__ = ["drive_reembed"]

RANGE = 64  # videos of a range, more or less
LOOKED_AT = 1000  # videos among which the files are that a machine must see
NOTHING = JobProgress(0, 0, 0)


def drive_reembed(
    archive: Archive,
    options: ReembedOptions,
    launcher: Launcher,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> ReembedSummary:
    """Embed the archive again by the workers that ``launcher`` starts, and let the new vectors answer.

    Raises what ``reembed`` raises; ArchiveLocked also if another driver lives.
    """
    clock = Clock()
    with DriverLock(archive.engine):
        with clock.stage("decode"):  # which is waiting for the workers
            done = _share_out(archive, options, launcher, on_progress, clock)
            _wait_until_alone(archive)
        made = reembed(archive, options, on_progress)
    stages = made.stage_seconds | {"decode": round(made.stage_seconds["decode"] + clock.seconds["decode"], 3)}
    return replace(
        made,
        new_videos=made.new_videos + done.new_videos,
        encoder_batches=made.encoder_batches + done.encoder_batches,
        seconds=clock.elapsed,
        stage_seconds=stages,
        bottleneck=max(stages, key=lambda stage: stages[stage]),
    )


def _share_out(
    archive: Archive,
    options: ReembedOptions,
    launcher: Launcher,
    on_progress: Callable[[Progress], None],
    clock: Clock,
) -> JobProgress:
    """Let workers embed all that they can; return what they have done."""
    with held_shared(archive.engine), Reembedding(archive, options, on_progress) as run:
        witnesses = _witnesses(archive, run)
        if not witnesses:
            return NOTHING
        with _Sharing(archive, run, witnesses) as sharing:
            try:
                launcher.start(sharing.job)
                while not sharing.is_over():
                    done = sharing.progress()
                    on_progress(Progress(run.found, done.files, done.new_videos, clock.elapsed, "decode"))
                    launcher.check()
                    time.sleep(driver.WATCH_SECONDS)
            except BaseException:
                launcher.stop(done=False)
                raise
            launcher.stop(done=True)
            driver.wait_for_workers(archive.engine, sharing.job)
            return sharing.progress()


def _witnesses(archive: Archive, run: Reembedding) -> list[Path]:
    """Return files that this machine sees and that are to be embedded: others must see one of them."""
    with archive.engine.connect() as connection:
        videos = unembedded(connection, run.encoder_id, run.before_id, None, LOOKED_AT)
    files = chain.from_iterable(video.files for video in videos)
    return [one.file.path for one in files if is_unchanged(one.file)][:WITNESSES]


def _wait_until_alone(archive: Archive) -> None:
    """Wait until the workers, also those of a driver that died, have let go of the ingest lock."""
    for _ in range(100):
        with archive.engine.connect() as connection:
            if not is_ingest_running(connection):
                return
        time.sleep(0.1)


class _Sharing:
    """The driver's run while workers embed: a lease as theirs, and the job that they work at. A context manager."""

    def __init__(self, archive: Archive, run: Reembedding, witnesses: list[Path]) -> None:
        self._engine, self._seconds = archive.engine, archive.settings.lease_seconds
        batch_size = run.options.batch_size
        agreed = replace(Requirements.of(archive, IngestOptions(batch_size=batch_size)), views="").as_json()
        with self._engine.begin() as connection:
            lock_writer(connection)
            self.job = begin_job(connection, run.encoder_id, agreed, Path("/"), witnesses, "reembed")
            take_back(connection)
            release_claims(connection)
            if worked_elsewhere(connection, self.job):
                raise ArchiveLocked("workers of another job have not ended yet: wait, or stop them (echosearch status)")
            write_ranges(connection, self.job, -(-(run.found or 1) // RANGE))
            self._run = start_leased_run(connection, run.encoder_id, self.job, self._seconds, host_name(), drives=True)

    def __enter__(self) -> _Sharing:
        self._heartbeat = Heartbeat(self._engine, self._run, self._seconds, self._counts).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heartbeat.__exit__(kind, error, trace)
        self._heartbeat.end_run()

    def is_over(self) -> bool:
        """Close the job if nothing is due; return whether it is closed. Raises LeaseLost."""
        with self._engine.begin() as connection:
            check_lease(connection, self._run)
            return driver.close_if_done(connection, self.job)

    def progress(self) -> JobProgress:
        with self._engine.connect() as connection:
            return job_progress(connection, self.job)

    def _counts(self) -> dict[str, object]:
        return {"files": 0, "new_videos": 0, "stage": "decode", "lease_seconds": self._seconds}
