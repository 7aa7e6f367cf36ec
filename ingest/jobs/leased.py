"""What every worker of a job has, whatever the job is: its terms, a check of this machine, a lease, and a heartbeat."""

from __future__ import annotations

import os
import socket
from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from echosearch.archive import Archive
from echosearch.db.files.jobs import JobKind, job_sight, job_terms
from echosearch.db.files.leases import start_leased_run
from echosearch.db.files.sight import Sight
from echosearch.encoder.bundle.folder import identify
from echosearch.encoder.bundle.installed import find_own_bundle
from echosearch.errors import (
    BundleError,
    ConfigError,
    EncoderMismatch,
    InputError,
    LeaseLost,
    NoEncoder,
)
from ingest.jobs.agreement import Requirements
from ingest.jobs.heartbeat import Heartbeat
from ingest.work import Work

__all__ = ["Leased", "SharedJob", "WorkSummary", "host_name"]


@dataclass(frozen=True)
class SharedJob:
    """A job as a worker finds it: what its driver asks of every machine, and the files by which one sees the export."""

    id: int
    kind: JobKind
    encoder_id: int
    agreement: Requirements
    sight: Sight

    @classmethod
    def find(cls, archive: Archive, job: int) -> SharedJob:
        """Return the job of this number. Raises InputError."""
        with archive.engine.connect() as connection:
            terms = job_terms(connection, job)
            if terms is None:
                raise InputError(f"there is no job {job} in this archive: echosearch status lists those that go on")
            return cls(job, terms.kind, terms.encoder_id, Requirements(**terms.options), job_sight(connection, job))

    def by_its_encoder(self, archive: Archive) -> Archive:
        """Return the archive with the job's encoder in use: a re-embedding's is not the one that answers queries.

        Raises EncoderMismatch if this machine does not have it.
        """
        name, _, fingerprint = self.agreement.encoder.rpartition(" ")
        with suppress(NoEncoder):
            if self.kind == "ingest" or archive.encoder_info.fingerprint == fingerprint:
                return archive
        home = archive.settings.home
        for given in (f"{name}-{fingerprint[:12]}", name):
            with suppress(BundleError):
                folder = find_own_bundle(home, Path(given))
                if identify(folder).fingerprint == fingerprint:
                    settings = archive.settings.model_copy(update={"encoder": folder})
                    return Archive(settings, archive.engine, lambda: archive.index, None)
        raise EncoderMismatch(
            f"job {self.id} makes vectors with the encoder {self.agreement.encoder}, which is not in {home}: copy its"
            " folder there, into encoders/, from the machine of the driver, or set ECHOSEARCH_ENCODER"
        )


@dataclass(frozen=True)
class WorkSummary:
    """What one worker has done for a job."""

    job: int
    files: int  # whose outcome it found; of a re-embedding, videos
    new_videos: int
    encoder_batches: int
    seconds: float
    stage_seconds: dict[str, float]
    bottleneck: str


class Leased(Work):
    """The run of one worker. Entering it checks this machine and begins a lease; leaving it gives claims back."""

    job: SharedJob
    id: int  # its row
    fills_batches = True  # the bits of a vector must not depend on how the files were shared out

    @abstractmethod
    def take_turn(self) -> None:
        """Claim what is free and do it, until nothing is free."""

    def __enter__(self) -> Self:
        self.job.agreement.check(self.own_agreement(), self.job.id)
        self.archive.check_key()
        self.check_sight()
        seconds = self.archive.settings.lease_seconds
        with self.archive.engine.begin() as connection:
            self.id = start_leased_run(connection, self.encoder_id, self.job.id, seconds, host_name())
        self.leased_run = self.id
        self._heartbeat = Heartbeat(self.archive.engine, self.id, seconds, self.counts).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._heartbeat.__exit__(kind, error, trace)
        self._heartbeat.end_run()

    def own_agreement(self) -> Requirements:
        """Return what this machine has."""
        own = Requirements.of(self.archive, self.job.agreement.options)
        return own if self.job.kind == "ingest" else replace(own, views=self.job.agreement.views)

    def check_sight(self) -> None:
        """Raise ConfigError if this machine does not see the export."""
        if not self.job.sight.is_clear:
            raise ConfigError(
                f"this machine does not see the export of job {self.job.id}: mount it at the same path as on the"
                " machine of the driver"
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
            self.job.id,
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
