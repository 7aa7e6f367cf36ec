"""What a server does, for Prometheus: requests by route template and status. Nothing of who asked, or for what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock

from prometheus_client.core import CounterMetricFamily, Metric

__all__ = ["RequestCounts"]


@dataclass(eq=False)
class RequestCounts:
    """Counts of a running server. Labels are the application's own words, never what stood in a request."""

    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # method, route template, status
    _seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # route template -> their sum
    _guard: Lock = field(default_factory=Lock)

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. ``route``: a template such as /api/v1/studies/{study}, "-" where none fits."""
        with self._guard:
            self._counts[method, route, str(status)] += 1
            self._seconds[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; called for each scrape."""
        requests = CounterMetricFamily(
            "echosearch_http_requests", "Answers by route", labels=["method", "route", "status"]
        )
        seconds = CounterMetricFamily("echosearch_http_seconds", "Seconds that answers took", labels=["route"])
        with self._guard:
            counted, took = dict(self._counts), dict(self._seconds)
        for labels, count in counted.items():
            requests.add_metric([*labels], count)
        for route, total in took.items():
            seconds.add_metric([route], total)
        yield requests
        yield seconds
