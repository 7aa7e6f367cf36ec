"""The parts of commands that go on until they are stopped: ingest of a folder that fills, of a PACS, and receive."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from echosearch.archive import Archive, open_archive
from echosearch.cli.output import counted, note, say, say_json
from echosearch.cli.progress import ingesting
from echosearch.settings import Settings

if TYPE_CHECKING:
    from ingest.options import IngestOptions, IngestSummary
    from ingest.progress import Progress
    from ingest.sources.hours import Hours
    from ingest.sources.metrics import Metrics

__all__ = ["LOG_JSON", "METRICS", "Log", "run_dicomweb", "run_on", "run_once", "run_watch", "stopped_by_signal"]

METRICS = click.option("--metrics", metavar="HOST:PORT", help="Serve metrics for Prometheus, as 127.0.0.1:9464.")
LOG_JSON = click.option("--log-json", is_flag=True, help="Log to stderr, a JSON object a line; nothing of a patient.")
LOG_SECONDS = 60.0


class Log:
    """Lines of JSON on stderr: counts, stages and reasons alone. Says nothing unless it is switched on."""

    def __init__(self, on: bool) -> None:
        self.on, self._last = on, 0.0

    def event(self, name: str, **values: float | str | None) -> None:
        """Write one line."""
        if self.on:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            say(json.dumps({"time": now, "event": name, **values}), err=True)

    def sometimes(self, name: str, **values: float | str | None) -> None:
        """Write one line, at most once a minute."""
        if self.on and time.monotonic() - self._last >= LOG_SECONDS:
            self._last = time.monotonic()
            self.event(name, **values)


@contextmanager
def stopped_by_signal() -> Iterator[Event]:
    """Yield an event that Ctrl-C or SIGTERM sets; a second one ends the process as ever."""
    stopping = Event()
    before: dict[int, Any] = {}

    def stop(number: int, _frame: object) -> None:
        stopping.set()
        signal.signal(number, before[number])

    for number in (int(signal.SIGINT), int(signal.SIGTERM)):
        before[number] = signal.signal(number, stop)
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_once(
    settings: Settings, folder: Path, options: IngestOptions, metrics: str | None, log_json: bool
) -> IngestSummary:
    """Bring a folder into the archive."""
    from ingest.pipeline import ingest

    with _working(settings, metrics, Log(log_json)) as (archive, progress, _):
        return ingest(archive, folder, options, progress)


def run_on(
    settings: Settings,
    place: str,
    workers: int | None,
    folder: Path,
    options: IngestOptions,
    metrics: str | None,
    log_json: bool,
) -> IngestSummary:
    """Share the ingest of a folder out to workers, and do what is done once."""
    from ingest.jobs.ingest_on import ingest_on

    with _working(settings, metrics, Log(log_json)) as (archive, progress, _):
        return ingest_on(place, workers, archive, folder, options, progress, note)


def run_watch(
    settings: Settings, folder: Path, options: IngestOptions, as_json: bool, metrics: str | None, log_json: bool
) -> IngestSummary:
    """Bring in a folder that fills until a signal comes; print a summary each time that all that came is searchable."""
    from ingest.sources.watch import watch

    log = Log(log_json)
    with stopped_by_signal() as stopping, _working(settings, metrics, log) as (archive, progress, _):
        return watch(archive, folder, options, stopping, progress, _settled_by(log, as_json))


@contextmanager
def _working(
    settings: Settings, metrics: str | None, log: Log
) -> Iterator[tuple[Archive, Callable[[Progress], None], Metrics]]:
    """Open the archive; yield it, what takes its progress, and the metrics that are served."""
    from ingest.sources.metrics import Metrics, serving

    with open_archive(settings) as archive, ingesting(plain=not log.on) as draw:
        shown = Metrics(archive)

        def progress(moment: Progress) -> None:
            draw(moment)
            shown.advance(moment)
            log.sometimes("progress", files=moment.done, videos=moment.indexed, waiting_for=moment.stage)

        with serving(metrics, shown):
            log.event("started")
            yield archive, progress, shown
    log.event("ended", files=shown.progress.done if shown.progress else 0)


def run_dicomweb(
    settings: Settings,
    source: str,
    inbox: Path | None,
    study_date: str,
    options: IngestOptions,
    rate: float | None,
    hours: Hours | None,
    as_json: bool,
    metrics: str | None,
    log_json: bool,
) -> IngestSummary:
    """Bring in what a PACS has, until all is here or a signal comes."""
    from datetime import date

    from ingest.sources.days import read_days
    from ingest.sources.dicomweb import Fetched, read_pacs_address
    from ingest.sources.pacs import ingest_pacs

    token = settings.dicomweb_token.get_secret_value() if settings.dicomweb_token else None
    address = read_pacs_address(source, token, settings.dicomweb_ca)
    days = read_days(study_date, date.today())
    log = Log(log_json)
    with stopped_by_signal() as stopping, _working(settings, metrics, log) as (archive, progress, shown):
        said = ""

        def objects(fetched: Fetched) -> None:
            nonlocal said
            if fetched.waiting not in ("", said) and not log.on:
                note(f"nothing is fetched now, waiting {fetched.waiting}")
            said = fetched.waiting
            shown.stored = fetched.stored
            log.sometimes("fetching", studies=fetched.studies, stored=fetched.stored, waiting=fetched.waiting)

        fetched, summary = ingest_pacs(
            archive, address, inbox or settings.home / "inbox", days, options, stopping, rate, hours, progress,
            objects, _settled_by(log, False),
        )  # fmt: skip
    log.event("fetched", studies=fetched.studies, stored=fetched.stored, here=fetched.here, lost=fetched.lost)
    if not as_json:
        lost = f", {fetched.lost} that the PACS lists and does not give" if fetched.lost else ""
        studies, stored = counted(fetched.studies, "study", "studies"), counted(fetched.stored, "object")
        say(f"{studies} asked for: {stored} fetched, {counted(fetched.here, 'was', 'were')} here{lost}")
    return summary


def _settled_by(log: Log, as_json: bool) -> Callable[[IngestSummary], None]:
    def settled(summary: IngestSummary) -> None:
        if as_json:
            say_json(asdict(summary), indent=None)
        log.event(
            "settled", files=summary.found, indexed=summary.indexed, quarantined=summary.quarantined,
            videos=summary.new_videos,
        )  # fmt: skip

    return settled
