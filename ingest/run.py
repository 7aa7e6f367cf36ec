"""One ingest run: what its stages share - the archive, the workers, the clock, the counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType

from echosearch.archive import Archive
from echosearch.db import Connection, generation, ledger
from echosearch.db.conflicts import forget_conflicts
from echosearch.db.ledger import FoundFile
from echosearch.db.reports import LinkCounts
from echosearch.db.standing import waiting_files
from echosearch.db.status import tree_counts, ungated_studies
from echosearch.errors import EncoderMismatch, InputError
from echosearch.media import MediaIdentity
from echosearch.workers import DecodePool
from ingest.options import IngestOptions, IngestSummary
from ingest.progress import Clock, Progress
from ingest.tables import apply_views, load_sidecar, stage_report_table, with_studies
from ingest.walk import count_files

__all__ = ["Run"]


class Run:
    """Held resources of one run. Entering it reads the CSVs and opens the run's row; leaving it ends the workers."""

    def __init__(
        self, archive: Archive, root: Path, options: IngestOptions, on_progress: Callable[[Progress], None]
    ) -> None:
        self.archive = archive
        self.root = Path(os.path.realpath(root))
        self.options = options
        self.clock = Clock()
        self.lock = Lock()
        self.done = 0  # files whose outcome is known
        self.new_videos = self.encoder_batches = self.new_reports = 0
        self.links: LinkCounts | None = None
        self._waited: set[Path] = set()
        self.unread_texts = False  # there are reports, and an encoder without a vocabulary
        self.slow_index = False  # the disk has no room for what makes searches fast
        self.unread: dict[Path, str] = {}  # folders that the walk could not look into, and why
        self._sidecar: dict[Path, MediaIdentity] = {}
        self._found: int | None = None
        self._on_progress = on_progress
        self._pool: DecodePool | None = None

    def __enter__(self) -> Run:
        options, keyring = self.options, self.archive.keyring
        self.archive.check_key()
        with self.archive.engine.begin() as connection:
            self.encoder_id = self._take_generation(connection)
            if options.retry_quarantined:
                forget_conflicts(connection)
            if options.reports is not None:
                stage_report_table(connection, keyring, options.reports)
            if options.views is not None:
                apply_views(connection, keyring, options.views, self.root)
            if options.sidecar is not None:
                self._sidecar = load_sidecar(options.sidecar, self.root)
        with self.archive.engine.begin() as connection:
            self.id = ledger.start_run(connection, self.encoder_id, self.root)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.__exit__(kind, error, trace)

    def _take_generation(self, connection: Connection) -> int:
        """The encoder in use must be the one whose vectors are here, or the first."""
        encoder = self.archive.encoder_id
        active = generation.active_encoder(connection)
        encoder_id = generation.register_encoder(connection, encoder)
        if active is None or not generation.has_vectors(connection):
            generation.activate(connection, encoder_id)
        elif active.fingerprint != encoder.fingerprint:
            raise EncoderMismatch(
                f"the archive holds vectors of {active}, the encoder in use is {encoder}: "
                "vectors of two encoders cannot be mixed; run echosearch encoder use with the first"
            )
        return encoder_id

    @cached_property
    def pool(self) -> DecodePool:
        """The workers, started when the first file needs them."""
        settings = self.archive.settings
        self._pool = DecodePool(
            settings.workers,
            memory_mb=settings.worker_memory_mb,
            cpu_seconds=settings.worker_cpu_seconds,
            wall_seconds=settings.worker_wall_seconds,
        ).__enter__()
        return self._pool

    def identity(self, path: Path) -> MediaIdentity | None:
        """What the sidecar CSV says of this file."""
        return self._sidecar.get(path)

    def with_a_study(self, files: Iterator[FoundFile], later: list[FoundFile]) -> Iterator[FoundFile]:
        """Without those whose sidecar row names its study only by accession number and patient: they go to ``later``,
        for that study may come with this very run."""
        for found in files:
            identity = self._sidecar.get(found.path)
            if identity is not None and not identity.study_uid:
                later.append(found)
            else:
                yield found

    def name_studies(self, files: Sequence[FoundFile]) -> None:
        """Give those files the studies that the archive knows by now."""
        with self.archive.engine.connect() as connection:
            named = with_studies(connection, self.archive.keyring, [self._sidecar[found.path] for found in files])
        self._sidecar |= {found.path: identity for found, identity in zip(files, named, strict=True)}

    def waiting(self) -> list[FoundFile]:
        """Copies of what another file was before: they stand for it now. Each is given once."""
        with self.archive.engine.connect() as connection:
            found = [one for one in waiting_files(connection, self.root) if one.path not in self._waited]
        self._waited |= {one.path for one in found}
        return found

    def count_ahead(self) -> None:
        """Count the files beside the work, so that progress can say how much is left."""

        def count() -> None:
            with suppress(InputError):  # the walk itself meets it too, and says so
                self._found = count_files(self.root)

        Thread(target=count, name="count-files", daemon=True).start()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction of the pipeline. One at a time with the relay's: two that lock the same rows in another
        order would end one another."""
        with self.clock.stage("write"), self.lock, self.archive.engine.begin() as connection:
            yield connection

    def advance(self, files: int) -> None:
        """So many more files have an outcome; tell whoever watches."""
        self.done += files
        self._on_progress(Progress(self._found, self.done, self.new_videos, self.clock.elapsed, self.clock.bottleneck))

    def finish(self, index_writes: int) -> IngestSummary:
        """Close the run's row and sum up."""
        with self.archive.engine.begin() as connection:
            counts = tree_counts(connection, self.root)
            summary = IngestSummary(
                found=counts.found,
                indexed=counts.indexed,
                skipped=counts.skipped,
                quarantined=counts.quarantined,
                pending=counts.pending,
                reasons=counts.reasons,
                new_videos=self.new_videos,
                encoder_batches=self.encoder_batches,
                index_writes=index_writes,
                new_reports=self.new_reports,
                reports=self.links,
                unread={str(folder): why for folder, why in self.unread.items()},
                ungated_studies=ungated_studies(connection, self.encoder_id),
                unread_texts=self.unread_texts,
                slow_index=self.slow_index,
                seconds=self.clock.elapsed,
                stage_seconds={stage: round(seconds, 3) for stage, seconds in self.clock.seconds.items()},
                bottleneck=self.clock.bottleneck,
            )
            ledger.finish_run(
                connection,
                self.id,
                {
                    "new_videos": summary.new_videos,
                    "quarantined": summary.quarantined,
                    "seconds": round(summary.seconds, 3),
                    "stage_seconds": summary.stage_seconds,
                },
            )
        return summary
