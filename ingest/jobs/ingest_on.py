"""Where the workers of a job run: on a Ray cluster, as processes of this machine, or wherever a site starts them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from echosearch.archive import Archive
from echosearch.errors import InputError
from ingest.jobs.driver import Launcher, drive
from ingest.jobs.on_workers import ProcessWorkers
from ingest.jobs.reembed_on import drive_reembed
from ingest.options import IngestOptions, IngestSummary
from ingest.progress import Progress
from ingest.reembed import ReembedOptions, ReembedSummary

__all__ = ["PLACES", "ingest_on", "reembed_on"]

PLACES = ("ray", "workers")


def ingest_on(
    place: str,
    workers: int | None,
    archive: Archive,
    root: Path,
    options: IngestOptions,
    on_progress: Callable[[Progress], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> IngestSummary:
    """Run an ingest as the driver of a job whose workers run at ``place``: "ray" or "workers".

    ``workers``: how many to start; None: on Ray one a GPU, or one a node without any; else none, for others start
    them. ``say`` gets the line that tells how. Raises InputError where the place cannot be had, and what ``drive``
    raises.
    """
    return drive(archive, root, options, _launcher(place, workers, archive, say), on_progress)


def reembed_on(
    place: str,
    workers: int | None,
    archive: Archive,
    options: ReembedOptions,
    on_progress: Callable[[Progress], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> ReembedSummary:
    """Run a re-embedding as the driver of a job whose workers run at ``place``, as ``ingest_on`` does.

    Raises InputError where the place cannot be had, and what ``reembed`` raises.
    """
    return drive_reembed(archive, options, _launcher(place, workers, archive, say), on_progress)


def _launcher(place: str, workers: int | None, archive: Archive, say: Callable[[str], None]) -> Launcher:
    settings = archive.settings
    if place == "workers":
        return ProcessWorkers(settings, workers or 0, say=say)
    if settings.database_url is None:
        raise InputError(
            "--on ray needs a PostgreSQL that all nodes reach: set ECHOSEARCH_DATABASE_URL and ECHOSEARCH_QDRANT_URL on"
            " every node (docs/scale.md); the embedded one answers this machine alone"
        )
    try:
        from ingest.jobs.on_ray import RayWorkers
    except ModuleNotFoundError as exc:
        if exc.name != "ray":
            raise
        raise InputError("--on ray needs Ray Core: pip install 'echosearch[ray]' on every node") from exc
    return RayWorkers(settings, workers)
