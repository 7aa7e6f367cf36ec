"""The progress of an ingest: how far it is, how fast, and which stage it waits for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

__all__ = ["STAGES", "Clock", "Progress", "Stage", "every"]

T = TypeVar("T")
Stage = Literal["walk", "headers", "decode", "encode", "write", "relay", "reports"]
STAGES: tuple[Stage, ...] = ("walk", "headers", "decode", "encode", "write", "relay", "reports")


@dataclass(frozen=True)
class Progress:
    """One moment of an ingest."""

    found: int | None  # files under the root; None until they have been counted
    done: int  # files whose outcome is known
    indexed: int  # videos written in this run
    seconds: float
    stage: Stage  # where most of the time has gone so far

    @property
    def rate_per_second(self) -> float:
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_seconds(self) -> float | None:
        if self.found is None or self.done == 0:
            return None
        return max(self.found - self.done, 0) / self.rate_per_second


class Clock:
    """Seconds the pipeline's own thread spent in each stage; for "decode" that is waiting for the workers."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = dict.fromkeys(STAGES, 0.0)
        self._running: list[tuple[Stage, float]] = []
        self.started = time.monotonic()

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time what runs inside; a stage inside another one stops the outer one's clock."""
        now = time.monotonic()
        if self._running:
            outer, since = self._running[-1]
            self.seconds[outer] += now - since
        self._running.append((name, now))
        try:
            yield
        finally:
            _, since = self._running.pop()
            now = time.monotonic()
            self.seconds[name] += now - since
            if self._running:
                self._running[-1] = (self._running[-1][0], now)

    def pulling(self, name: Stage, items: Iterator[T]) -> Iterator[T]:
        """Time every pull from ``items`` as this stage."""
        while True:
            with self.stage(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def bottleneck(self) -> Stage:
        return max(STAGES, key=lambda name: self.seconds[name])


def every(seconds: float, items: Iterable[T]) -> Iterator[T]:
    """Yield those of ``items``, drawn without a pause, that come ``seconds`` or more after the last one yielded."""
    last = time.monotonic()
    for item in items:
        if time.monotonic() - last >= seconds:
            yield item
            last = time.monotonic()
