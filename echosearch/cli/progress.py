"""Show the progress of a long command: a moving line on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["counting", "drawing", "ingesting"]


class IngestProgress(Protocol):
    """The progress of an ingest (ingest.progress.Progress)."""

    @property
    def found(self) -> int | None: ...
    @property
    def done(self) -> int: ...
    @property
    def rate_per_second(self) -> float: ...
    @property
    def eta_seconds(self) -> float | None: ...
    @property
    def stage(self) -> str: ...


@contextmanager
def ingesting(what: str = "files") -> Iterator[Callable[[IngestProgress], None]]:
    """Draw how many files (or ``what``) are done, rate, time left, and the stage that limits the run."""
    if not sys.stderr.isatty():
        yield lambda moment: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def draw(moment: IngestProgress) -> None:
            left = f", {_duration(moment.eta_seconds)} left" if moment.eta_seconds is not None else ""
            line = f"{moment.rate_per_second:.1f}/s{left}, waiting for {moment.stage}"
            bar.update(task, completed=moment.done, total=moment.found, description=line)

        yield draw


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Draw how many things are done; called with each further number of them."""
    if not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} " + what))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda more: bar.advance(task, more)


class Draw(Protocol):
    def __call__(self, done: int, total: int, /) -> None: ...


@contextmanager
def drawing(what: str) -> Iterator[Draw]:
    """Draw how many of a known number are done."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
