"""The parts that an ingest and a re-embedding share: the archive, the workers, the clock, and the write lock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

from echosearch.archive import Archive
from echosearch.db import Connection
from echosearch.db.files.key_locks import Concerned, write_by_key
from echosearch.db.files.leases import check_lease
from echosearch.db.questions.study_bits import fold
from echosearch.db.questions.study_sets import BLOCK
from echosearch.encoder.base import ViewModel
from echosearch.outcome import Quarantined, Skipped
from echosearch.source_file import Claimed
from echosearch.workers.pool import DecodePool
from ingest.progress import Clock, Progress

__all__ = ["HALF_A_BLOCK", "Work"]

HALF_A_BLOCK = BLOCK // 2  # stale studies from which on it pays to fold a block while a run goes on

T = TypeVar("T")


class Work(ABC):
    """The resources of one run; leaving it ends the workers. Entering a subclass sets ``encoder_id``."""

    encoder_id: int  # row of the encoder whose vectors are made
    leased_run: int | None = None  # the run whose lease allows to write, where other machines write too
    fills_batches = False  # whether the first batch of clips is filled up too, where it is not whole

    def __init__(self, archive: Archive, batch_size: int | None, on_progress: Callable[[Progress], None]) -> None:
        self.archive = archive
        self.batch_size = batch_size  # clips per encoder batch; None: by device
        self.clock = Clock()
        self.lock = Lock()
        self.found: int | None = None  # how much there is to do; None until it has been counted
        self.done = 0  # files whose outcome is known
        self.new_videos = self.new_reports = self.encoder_batches = 0
        self.unread_texts = False  # there are reports, and an encoder without a vocabulary
        self.slow_index = False  # the disk has no room for what makes searches fast
        self._on_progress = on_progress
        self._pool: DecodePool | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.__exit__(kind, error, trace)

    @property
    @abstractmethod
    def view_classifier(self) -> ViewModel | None:
        """The classifier that labels the views of decoded videos, None if there is none."""

    @abstractmethod
    def settle_refused(self, outcomes: Sequence[tuple[Claimed, Skipped | Quarantined]]) -> None:
        """Note that these files get no vector."""

    @abstractmethod
    def claim_again(self, claimed: Claimed) -> Claimed:
        """Count another attempt at a file after a worker's death."""

    @cached_property
    def pool(self) -> DecodePool:
        """The workers, started when the first file needs them."""
        self._pool = DecodePool.of(self.archive.settings).__enter__()
        return self._pool

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Begin a transaction of the pipeline, and time it."""
        with self.clock.stage("write"), self.transaction() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin a transaction that writes. One at a time, the relay's among them: two that lock the same rows in
        another order would end one another."""
        with self.lock, self.archive.engine.begin() as connection:
            if self.leased_run is not None:
                check_lease(connection, self.leased_run)
            yield connection

    def write(self, concerned: Concerned, body: Callable[[Connection], T]) -> T:
        """Run ``body`` in a transaction of the pipeline, and time it; beside other machines' with locks by key.

        ``body`` may then be called twice, and changes nothing but the database.
        """
        if self.leased_run is None or not self.archive.settings.lock_by_key:
            with self.writing() as connection:
                return body(connection)
        with self.clock.stage("write"), self.lock:
            return write_by_key(self.archive.engine, self.leased_run, concerned, body)

    def fold_stale(self, least: int = 1) -> None:
        """Fold the blocks of bits (questions/study_bits.py) that have ``least`` stale studies or more.

        Until then these studies are answered by their rows.
        """
        with self.lock, self.archive.engine.connect() as connection:
            fold(connection, least)

    def tally(self, index_writes: int) -> dict[str, Any]:
        """Return the part of every summary about the work: what was made, and where the time went."""
        return {
            "new_videos": self.new_videos,
            "new_reports": self.new_reports,
            "encoder_batches": self.encoder_batches,
            "index_writes": index_writes,
            "unread_texts": self.unread_texts,
            "slow_index": self.slow_index,
            "seconds": self.clock.elapsed,
            "stage_seconds": {stage: round(seconds, 3) for stage, seconds in self.clock.seconds.items()},
            "bottleneck": self.clock.bottleneck,
        }

    def advance(self, files: int) -> None:
        """Count so many more files with an outcome, and report the progress."""
        self.done += files
        self._on_progress(Progress(self.found, self.done, self.new_videos, self.clock.elapsed, self.clock.bottleneck))
