"""Ingest a folder that goes on filling: what has arrived whole is taken in at once, and settled when nothing comes.

Taking in (headers, vectors, points) costs what the new files cost. Settling (copies, links of reports, facts) looks at
more than that, so it waits for a pause, or for ten minutes at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import TypeVar

from echosearch.archive import Archive
from echosearch.db.files import ledger
from ingest.options import IngestOptions, IngestSummary
from ingest.pipeline import settle_run, take_in_all
from ingest.progress import Progress
from ingest.relay import RelayThread
from ingest.run import Run
from ingest.sources.arrivals import Arrivals
from ingest.stages import unfinished

__all__ = ["watch"]

T = TypeVar("T")
LOOK_SECONDS = 5.0  # between two looks at the folder; more where a look takes long
SHARE = 10  # a look costs a tenth of the time at most
PAUSE_SECONDS = 30.0  # without a new file, and what was taken in is settled
SETTLE_SECONDS = 600.0  # it is settled so often also without a pause


def watch(
    archive: Archive,
    root: Path,
    options: IngestOptions,
    stopping: Event,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_settled: Callable[[IngestSummary], None] = lambda _: None,
    filled: Callable[[], bool] = lambda: False,
    look_seconds: float = LOOK_SECONDS,
    pause_seconds: float = PAUSE_SECONDS,
) -> IngestSummary:
    """Take in what is under ``root`` and what arrives there, until ``stopping`` is set or the folder is ``filled``.

    ``on_settled`` gets the summary so far, each time that all that came is searchable. Raises as ingest() does, and
    InputError if the folder goes away; safe to kill, safe to run again.
    """
    with (
        ledger.single_ingest(archive.engine),
        Run(archive, root, options, on_progress) as run,
        RelayThread(archive, archive.encoder_info, run.encoder_id, run.transaction) as relay,
    ):
        arrivals = Arrivals(run.root)
        run.unread = arrivals.unread
        unsettled, last_file, last_settled = True, time.monotonic(), time.monotonic()
        while not stopping.is_set():
            full = filled()  # before the look: what came until then is seen by it
            began = time.monotonic()
            with run.clock.stage("walk"):
                files = arrivals.look()
            looked = time.monotonic() - began
            if files:
                run.found = run.done + len(files) + arrivals.growing
                take_in_all(run, relay, unfinished(run, _until(stopping, iter(files))))
                unsettled, last_file = True, time.monotonic()
            ended = full and not files and not arrivals.growing
            now = time.monotonic()
            due = now - last_file >= pause_seconds or now - last_settled >= SETTLE_SECONDS
            if unsettled and (due or ended):
                settle_run(run, relay)
                unsettled, last_settled = False, time.monotonic()
                on_settled(run.summary(relay.sent))
            if ended:
                break
            if not files:  # else more may have come meanwhile
                stopping.wait(max(look_seconds, SHARE * looked))
        if unsettled:
            settle_run(run, relay)
        return run.finish(relay.sent)


def _until(stopping: Event, items: Iterator[T]) -> Iterator[T]:
    """Yield items until ``stopping`` is set."""
    for item in items:
        if stopping.is_set():
            return
        yield item
