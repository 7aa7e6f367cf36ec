"""One ingest run: the parts that its stages share beyond Work: the tree, its tables, the run's row in the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Self

from echosearch.archive import Archive
from echosearch.db import Connection
from echosearch.db.admission.conflicts import forget_conflicts
from echosearch.db.files import ledger
from echosearch.db.files.backing import EVERYWHERE, mend_backing, settle_refused, waiting_files, withdraw_unbacked
from echosearch.db.files.description import note_contradictions
from echosearch.db.files.status import tree_counts, ungated_studies, unlabelled_videos
from echosearch.db.studies.report_attempts import forget_attempts, report_counts
from echosearch.db.studies.reports import LinkCounts
from echosearch.db.vectors import generation
from echosearch.encoder.base import ViewModel
from echosearch.errors import EncoderMismatch, InputError
from echosearch.outcome import Quarantined, Skipped
from echosearch.reading.media import MediaIdentity
from echosearch.report.csv_tables import read_sidecar, read_views
from echosearch.source_file import Claimed, FoundFile
from ingest.csv_tables import (
    NamedRows,
    Reader,
    apply_views,
    load_sidecar,
    rows_without_file,
    stage_report_table,
    with_studies,
)
from ingest.options import IngestOptions, IngestSummary, TableRows
from ingest.progress import Progress
from ingest.verify import heal
from ingest.walk import count_files
from ingest.work import Work

__all__ = ["Run"]


class Run(Work):
    """One ingest run. Entering it reads the CSVs and opens the run's row; leaving it ends the workers."""

    id: int  # its row
    group = 16  # files claimed, inspected and admitted together: what a death can orphan
    sight = EVERYWHERE  # whose files may be called gone

    def __init__(
        self, archive: Archive, root: Path, options: IngestOptions, on_progress: Callable[[Progress], None]
    ) -> None:
        super().__init__(archive, options.batch_size, on_progress)
        self.root = Path(os.path.realpath(root))
        self.options = options
        self.healed = 0  # points in which the index differed from the database when the run began
        self.links: LinkCounts | None = None
        self.opted_out_reports = 0  # rows of the table of reports
        self.unread: dict[Path, str] = {}  # folders that the walk could not look into, and why
        self._waited: set[Path] = set()
        self._sidecar: dict[Path, MediaIdentity] = {}
        self._named_by_views: NamedRows | None = None
        self._named_by_sidecar: NamedRows | None = None

    def __enter__(self) -> Self:
        self.archive.check_key()
        with self.writing() as connection:
            self.encoder_id = self.take_generation(connection)
            self.read_tables(connection)
        with self.writing() as connection:
            self.id = ledger.start_run(connection, self.encoder_id, self.root)
            mend_backing(connection)  # also what files that felled their runs have left
        self.healed = heal(self.archive, self.archive.encoder_info, self.encoder_id, self.transaction)
        return self

    def read_tables(self, connection: Connection) -> None:
        """Bring the CSVs into the archive, each whole or not at all. Raises TableError."""
        options, keyring = self.options, self.archive.keyring
        if options.retry_quarantined:
            forget_conflicts(connection)
            forget_attempts(connection)
        if options.reports is not None:
            staged = stage_report_table(connection, keyring, options.reports, options.encoding, options.replace)
            self.opted_out_reports = staged.opted_out
        if options.views is not None:
            _, self._named_by_views = apply_views(connection, keyring, options.views, self.root, options.encoding)
        if options.sidecar is not None:
            self._sidecar, self._named_by_sidecar = load_sidecar(options.sidecar, self.root, keyring, options.encoding)

    def take_generation(self, connection: Connection) -> int:
        """Check that the encoder in use is the one whose vectors are here, or the first."""
        encoder = self.archive.encoder_info
        active = generation.active_encoder(connection)
        encoder_id = generation.register_encoder(connection, encoder)
        if active is None or not generation.has_vectors(connection):
            generation.activate(connection, encoder_id)
        elif active.fingerprint != encoder.fingerprint:
            raise EncoderMismatch(
                f"the archive holds vectors of {active}, the encoder in use is {encoder}: "
                "vectors of two encoders cannot be mixed; run echosearch encoder use with the first, or echosearch "
                "reembed to embed all that is here with the second"
            )
        return encoder_id

    @property
    def view_classifier(self) -> ViewModel | None:
        return self.archive.view_classifier

    def settle_refused(self, outcomes: Sequence[tuple[Claimed, Skipped | Quarantined]]) -> None:
        """Settle these files in the ledger, and withdraw the videos that they backed before."""
        if outcomes:
            with self.writing() as connection:
                settle_refused(connection, [(claimed.id, outcome) for claimed, outcome in outcomes])
            self.advance(len(outcomes))

    def claim_again(self, claimed: Claimed) -> Claimed:
        """Claim a file again, committed before the next worker touches it."""
        with self.writing() as connection:
            return ledger.claim_again(connection, claimed)

    def identity(self, path: Path) -> MediaIdentity | None:
        """Return what the sidecar CSV says of this file."""
        return self._sidecar.get(path)

    def with_a_study(self, files: Iterator[FoundFile], later: list[FoundFile]) -> Iterator[FoundFile]:
        """Yield files but those whose sidecar row names its study only by accession number and patient.

        Those go to ``later``, because the study may come with this very run.
        """
        for found in files:
            identity = self._sidecar.get(found.path)
            if identity is not None and not identity.study_uid:
                later.append(found)
            else:
                yield found

    def name_studies(self, files: Sequence[FoundFile]) -> None:
        """Yield those files with the studies that the archive knows by now."""
        with self.archive.engine.connect() as connection:
            named = with_studies(connection, self.archive.keyring, [self._sidecar[found.path] for found in files])
        self._sidecar |= {found.path: identity for found, identity in zip(files, named, strict=True)}

    def waiting(self) -> list[FoundFile]:
        """Yield copies of videos that another file backed before, each once: now the copy backs the video."""
        with self.writing() as connection:
            withdraw_unbacked(connection)  # whatever this pass did: no video without a backing file is found
            found = [one for one in waiting_files(connection, self.root, self.sight) if one.path not in self._waited]
        self._waited |= {one.path for one in found}
        return found

    def count_ahead(self) -> None:
        """Count the files beside the work, so that progress can say how much is left."""

        def count() -> None:
            with suppress(InputError):  # the walk itself meets it too, and says so
                self.found = count_files(self.root)

        Thread(target=count, name="count-files", daemon=True).start()

    def finish(self, index_writes: int) -> IngestSummary:
        """Close the run's row and sum up."""
        summary = self.summary(index_writes)
        with self.transaction() as connection:
            ledger.finish_run(
                connection,
                self.id,
                {
                    "new_videos": summary.new_videos,
                    "quarantined": summary.quarantined,
                    "seconds": round(summary.seconds, 3),
                    "stage_seconds": summary.stage_seconds,
                    "bottleneck": summary.bottleneck,
                    "workers": self.archive.settings.workers,
                    "on_gpu": bool(summary.encoder_batches) and self.archive.on_gpu,
                },
            )
        return summary

    def summary(self, index_writes: int) -> IngestSummary:
        """Return what the run has done so far, and the outcome of the files under its root."""
        with self.transaction() as connection:
            counts = tree_counts(connection, self.root)
            texts = report_counts(connection, self.encoder_id)
            return IngestSummary(
                found=counts.found,
                indexed=counts.indexed,
                skipped=counts.skipped,
                quarantined=counts.quarantined,
                pending=counts.pending,
                reasons=counts.reasons,
                healed=self.healed,
                reports=self.links,
                opted_out_reports=self.opted_out_reports,
                cut_reports=texts.cut,
                quarantined_reports=texts.quarantined,
                views=self._rows_without_file(connection, self._named_by_views, read_views),
                sidecar=self._rows_without_file(connection, self._named_by_sidecar, read_sidecar),
                contradictions=note_contradictions(connection),
                unread={str(folder): why for folder, why in self.unread.items()},
                ungated_studies=ungated_studies(connection, self.encoder_id),
                unlabelled_videos=unlabelled_videos(connection, self.encoder_id) if self.view_classifier is None else 0,
                **self.tally(index_writes),
            )

    def _rows_without_file(self, connection: Connection, named: NamedRows | None, read: Reader) -> TableRows | None:
        return None if named is None else rows_without_file(connection, named, self.root, read)
