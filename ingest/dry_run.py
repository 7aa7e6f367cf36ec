"""Show what an ingest would take each file for, without a store or an encoder, and without writing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from echosearch.outcome import Outcome, Quarantined, Reason
from echosearch.settings import Settings
from echosearch.workers.jobs import TimedOut, WorkerDied
from echosearch.workers.pool import DecodePool
from echosearch.workers.tasks import InspectTask, inspect
from ingest.csv_tables import load_sidecar
from ingest.options import IngestOptions
from ingest.walk import walk

__all__ = ["dry_run"]


def dry_run(settings: Settings, root: Path, options: IngestOptions = IngestOptions()) -> Iterator[tuple[Path, Outcome]]:  # noqa: B008 - frozen
    """Yield every regular file with its header, or why it would not be indexed, in the order of the walk."""
    sidecar, unread = {}, dict[Path, str]()
    if options.sidecar is not None:  # which study a row means is for the archive to say: any will do here
        rows, _ = load_sidecar(options.sidecar, root, encoding=options.encoding)
        sidecar = {path: replace(row, study_uid=row.study_uid or "2.25.1") for path, row in rows.items()}
    tasks = (
        InspectTask(found.path, settings.issuer, sidecar.get(found.path), options.secondary_capture)
        for found in walk(root, unread)
    )
    with DecodePool.of(settings) as pool:
        for task, result in pool.map(inspect, tasks, ordered=True):
            match result:
                case WorkerDied(detail):
                    yield task.path, Quarantined(Reason.DECODER_CRASH, detail)
                case TimedOut(limit):
                    yield task.path, Quarantined(Reason.DECODER_TIMEOUT, f"{limit} limit")
                case outcome:
                    yield task.path, outcome
    for folder, why in unread.items():
        yield folder, Quarantined(Reason.UNREADABLE, why)
