"""The jobs of a pool, their outcomes, and the queue in between."""

from __future__ import annotations

import queue
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from echosearch.errors import EchosearchError, FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped

__all__ = ["Answers", "Inbox", "Job", "PoolBroken", "Raised", "TimedOut", "WorkerDied", "or_refuse"]

T = TypeVar("T")


class PoolBroken(EchosearchError):
    """Workers cannot be started at all; the message says how they ended."""


@dataclass(frozen=True)
class WorkerDied:
    """The worker ended under this task: a signal, an exit, or more memory than it may have."""

    detail: str


@dataclass(frozen=True)
class TimedOut:
    """The task used more time than it may: "cpu" or "wall"."""

    limit: str


def or_refuse(result: T | Skipped | Quarantined | WorkerDied | TimedOut) -> T:
    """Return what a worker answered. Raises FileRefused for everything that is no result."""
    match result:
        case WorkerDied(detail):
            raise FileRefused(Quarantined(Reason.DECODER_CRASH, f"its reader died ({detail})"))
        case TimedOut(limit):
            raise FileRefused(Quarantined(Reason.DECODER_TIMEOUT, f"it takes more {limit} time than it may"))
        case Skipped() | Quarantined():
            raise FileRefused(result)
        case _:
            return result


@dataclass(frozen=True)
class Raised:
    """The task's function raised."""

    error: Exception


@dataclass(eq=False)
class Job(Generic[T]):
    """One task on its way to a worker."""

    number: int
    task: T
    message: bytes  # pickled (function, task)
    answers: Answers[T]
    first: bool  # before all jobs that are not


Answers = queue.SimpleQueue[tuple[Job[T], Any]]


class Inbox:
    """Jobs that wait for a worker: one thread puts them in, another takes them out."""

    def __init__(self) -> None:
        self._waiting: dict[bool, deque[Job[Any]]] = {True: deque(), False: deque()}  # those that go first, the others

    def put(self, job: Job[Any]) -> None:
        self._waiting[job.first].append(job)

    def put_back(self, job: Job[Any]) -> None:
        """Put back a job that was taken and not begun."""
        self._waiting[job.first].appendleft(job)

    def take(self) -> Job[Any] | None:
        for first in (True, False):
            with suppress(IndexError):
                return self._waiting[first].popleft()
        return None

    def drop(self, answers: Answers[Any]) -> None:
        """Forget jobs that nobody waits for any more."""
        for jobs in self._waiting.values():
            for job in [job for job in list(jobs) if job.answers is answers]:
                with suppress(ValueError):  # just taken
                    jobs.remove(job)
