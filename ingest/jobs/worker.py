"""A worker of a job: it claims what the driver has shared out, and runs the stages of one process on it.

    ingest     claimed_next -> inspected -> admitted -> decoded -> encoded -> written     until nothing is due
    reembed    waiting -> decoded -> encoded -> stored, range by range of studies

Many may run, on any machines that see the export at the same path. It sends nothing to the index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from echosearch.archive import Archive
from echosearch.db import Connection
from echosearch.db.admission.admit import Admitted
from echosearch.db.files.backing import backed_video, forget_vanished
from echosearch.db.files.claims import claim_next, note_stamps, return_claims
from echosearch.db.files.jobs import JobState, job_state
from echosearch.db.files.key_locks import Concerned
from echosearch.db.files.leases import held_shared, is_lease_over, take_back
from echosearch.db.files.sight import stamp_of
from echosearch.db.files.study_ranges import claim_range, delete_claimed_ranges
from echosearch.db.vectors import generation
from echosearch.errors import InputError
from echosearch.outcome import Quarantined, Skipped
from echosearch.source_file import Claimed, FoundFile
from ingest.jobs.leased import Leased, SharedJob, WorkSummary
from ingest.progress import Progress
from ingest.reembed import Reembedding, ReembedOptions
from ingest.run import Run
from ingest.stages import admitted, decoded, encoded, inspected, written

__all__ = ["WORKER_GROUP", "work"]

WORKER_GROUP = 64  # files claimed and admitted together: the writer lock of all machines is taken once for them
PAUSE_SECONDS = 1.0  # until a worker asks again, where nothing is free and the job goes on
UNDRIVEN_SECONDS = 300.0  # for which a worker waits where nothing is due and no driver lives


def work(
    archive: Archive, job: int, on_progress: Callable[[Progress], None] = lambda _: None, pause: float = PAUSE_SECONDS
) -> WorkSummary:
    """Take a share of a job, and do it, until nothing is due, its driver has closed it, or no driver lives any more.

    Raises, before anything is claimed, InputError if there is no such job, EncoderMismatch or ConfigError if this
    machine has another encoder, key, version or issuer than the job, or does not see its export; ArchiveLocked if a
    command holds the archive alone. Later LeaseLost, StoreUnreachable: others take over what it had claimed.
    """
    found = SharedJob.find(archive, job)
    kind = Worker if found.kind == "ingest" else ReembedWorker
    with held_shared(archive.engine), kind(found.by_its_encoder(archive), found, on_progress) as run:
        idle_since = None
        while True:
            before = run.done
            run.take_turn()
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


class Worker(Leased, Run):
    """A worker of an ingest."""

    group = WORKER_GROUP

    def __init__(self, archive: Archive, job: SharedJob, on_progress: Callable[[Progress], None]) -> None:
        assert job.sight.root is not None
        self.job, self.encoder_id, self.sight = job, job.encoder_id, job.sight
        Run.__init__(self, archive, job.sight.root, job.agreement.options, on_progress)

    def take_turn(self) -> None:
        clips = decoded(self, admitted(self, inspected(self, self.claimed_next())))
        for _ in written(self, encoded(self, clips)):
            pass

    def claimed_next(self) -> Iterator[Claimed]:
        """Yield claims, committed before any worker touches the files. Ends when nothing is free.

        It never waits: what is not free may be this very run's, and wait for the stages behind.
        """
        while True:
            with self.archive.engine.connect() as connection:
                silent = is_lease_over(connection)
            if silent:
                with self.writing() as connection:
                    take_back(connection)
            claims = self.write(Concerned(), lambda writing: claim_next(writing, self.id, self.job.id, self.group))
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
            self.check_sight()
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


class ReembedWorker(Leased, Reembedding):
    """A worker of a re-embedding. What it cannot embed it leaves to the driver, which says why at the end."""

    def __init__(self, archive: Archive, job: SharedJob, on_progress: Callable[[Progress], None]) -> None:
        self.job, self.encoder_id = job, job.encoder_id
        Reembedding.__init__(self, archive, ReembedOptions(batch_size=job.agreement.batch_size), on_progress)
        with archive.engine.connect() as connection:
            before = generation.serving_encoder(connection)
        if before is None:
            raise InputError("there is nothing to embed again: run echosearch ingest FOLDER first")
        self.before_id, self.before = before

    def take_turn(self) -> None:
        self.embed_all(self.waiting())
        with self.writing() as connection:  # all that was claimed is stored, or refused
            delete_claimed_ranges(connection, self.id)

    def waiting(self) -> Iterator[Admitted]:
        """Yield the videos of one range of studies after the other. Ends when none is free."""
        while True:
            with self.writing() as connection:
                take_back(connection)
                studies = claim_range(connection, self.id, self.job.id)
            if studies is None:
                return
            yield from self.waiting_in(studies)

    def settle_refused(self, outcomes: Sequence[tuple[Claimed, Skipped | Quarantined]]) -> None:
        if outcomes:
            self.check_sight()  # a machine that has lost the export would refuse all
        super().settle_refused(outcomes)
