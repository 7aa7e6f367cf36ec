"""What an ingest or a receiver does, for Prometheus: rates, queues, files by outcome and reason. Nothing of a patient.

What PostgreSQL is asked for is asked at most every 20 times as long as the answer took, and every 15 s at most.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from echosearch.archive import Archive
from echosearch.db.files.status import archive_counts
from echosearch.db.vectors.coverage import due_counts
from echosearch.errors import InputError, StoreUnreachable
from ingest.progress import Progress

__all__ = ["Collector", "Metrics", "serving"]

LEAST_SECONDS, SHARE = 15.0, 20


class Collector(Protocol):
    """What has metrics to show."""

    def collect(self) -> Iterable[Metric]: ...


@dataclass(eq=False)
class Metrics:
    """The state that is shown. ``progress`` and ``received`` are written by the work itself."""

    archive: Archive | None = None
    progress: Progress | None = None
    stored: int = 0  # objects that a receiver or a DICOMweb source stored
    stored_bytes: int = 0
    refused: dict[str, int] = field(default_factory=dict)  # reason -> objects
    _asked: list[Metric] = field(default_factory=list)
    _ask_again: float = 0.0

    def advance(self, moment: Progress) -> None:
        """Note the progress of an ingest."""
        self.progress = moment

    def collect(self) -> Iterable[Metric]:
        """Yield every metric; called for each scrape."""
        if self.progress is not None:
            moment = self.progress
            yield CounterMetricFamily("echosearch_run_files", "Files with an outcome in this run", value=moment.done)
            yield CounterMetricFamily("echosearch_run_videos", "Videos embedded in this run", value=moment.indexed)
            yield CounterMetricFamily("echosearch_run_seconds", "Seconds of this run", value=moment.seconds)
            waiting = GaugeMetricFamily(
                "echosearch_run_waiting", "The stage that most time went into", labels=["stage"]
            )
            waiting.add_metric([moment.stage], 1)
            yield waiting
            if moment.found is not None:
                left = max(moment.found - moment.done, 0)
                yield GaugeMetricFamily("echosearch_run_files_left", "Files of this run without an outcome", value=left)
        if self.archive is None or self.stored or self.refused:
            yield CounterMetricFamily("echosearch_objects_stored", "Objects stored in the inbox", value=self.stored)
            yield CounterMetricFamily("echosearch_objects_bytes", "Bytes of these", value=self.stored_bytes)
            refused = CounterMetricFamily("echosearch_objects_refused", "Objects not stored", labels=["reason"])
            for reason, count in self.refused.items():
                refused.add_metric([reason], count)
            yield refused
        if self.archive is not None:
            yield from self._of_archive(self.archive)

    def _of_archive(self, archive: Archive) -> list[Metric]:
        began = time.monotonic()
        if began >= self._ask_again:
            try:
                self._asked = [*_archive_metrics(archive)]
            except StoreUnreachable:
                self._asked = []
            ended = time.monotonic()
            self._ask_again = ended + max(LEAST_SECONDS, SHARE * (ended - began))
        return self._asked


def _archive_metrics(archive: Archive) -> Iterator[Metric]:
    with archive.engine.connect() as connection:
        counts, due = archive_counts(connection), due_counts(connection)
    files = GaugeMetricFamily("echosearch_files", "Files of the archive by outcome", labels=["outcome"])
    for outcome in ("indexed", "skipped", "quarantined", "pending"):
        files.add_metric([outcome], getattr(counts, outcome))
    yield files
    reasons = GaugeMetricFamily("echosearch_files_left_out", "Files that are not indexed, by reason", labels=["reason"])
    for reason, count in counts.reasons.items():
        reasons.add_metric([reason], count)
    yield reasons
    queue = GaugeMetricFamily("echosearch_points_due", "Points that the index has not got", labels=["collection"])
    for collection, count in due.items():
        queue.add_metric([collection], count)
    yield queue


@contextmanager
def serving(address: str | None, metrics: Collector) -> Iterator[int | None]:
    """Show the metrics at ``host:port`` meanwhile; yield the port. None shows nothing. Raises InputError."""
    if address is None:
        yield None
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"--metrics {address!r} is no address: write 127.0.0.1:9464")
    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as exc:
        raise InputError(f"--metrics {address}: {exc.strerror or exc}; choose another port") from exc
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
