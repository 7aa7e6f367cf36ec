"""Ingest from a PACS by DICOMweb: one thread fetches into an inbox, the ingest takes in what has arrived."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Event

from echosearch.archive import Archive
from ingest.options import IngestOptions, IngestSummary
from ingest.progress import Progress
from ingest.sources.dicomweb import Fetched, PacsAddress, fetch_studies
from ingest.sources.hours import Hours
from ingest.sources.inbox import ObjectFolder
from ingest.sources.watch import watch

__all__ = ["ingest_pacs"]


def ingest_pacs(
    archive: Archive,
    address: PacsAddress,
    folder: Path,
    days: tuple[date, date],
    options: IngestOptions,
    stopping: Event,
    rate: float | None = None,
    hours: Hours | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_object: Callable[[Fetched], None] = lambda _: None,
    on_settled: Callable[[IngestSummary], None] = lambda _: None,
) -> tuple[Fetched, IngestSummary]:
    """Bring the studies of ``days`` into ``folder``, and from there into the archive.

    Killed at any point, it is run again: what is here is not fetched twice. Raises as fetch_studies() and watch() do.
    """
    archive.check_key()  # before the key names a file
    inbox = ObjectFolder(folder)
    journal = archive.settings.home / f"dicomweb-{archive.keyring.key('dicomweb', address.url, str(inbox.folder))}"
    with ThreadPoolExecutor(1, thread_name_prefix="dicomweb") as thread:
        fetching = thread.submit(
            fetch_studies, address, inbox, archive.keyring, days, journal, stopping, rate, hours, on_object=on_object
        )
        try:
            summary = watch(
                archive,
                inbox.folder,
                options,
                stopping,
                on_progress,
                on_settled,
                filled=fetching.done,
                look_seconds=1.0,
            )
        finally:
            stopping.set()
        return fetching.result(), summary
