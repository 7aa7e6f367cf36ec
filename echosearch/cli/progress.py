"""Show the progress of a long command: a moving line on a terminal, a plain line now and then in a pipe or a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from echosearch.cli.output import note

__all__ = ["Draw", "counting", "drawing", "ingesting"]

FIRST, LONGEST = 10.0, 300.0  # seconds to the first plain line, and the most between two: each wait is twice the last


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


class _PlainLines:
    """Lines on stderr, few: a command that is soon done prints none."""

    def __init__(self) -> None:
        self._wait, self._last = FIRST, time.monotonic()

    def say(self, line: Callable[[], str]) -> None:
        if time.monotonic() - self._last >= self._wait:
            note(line())
            self._wait, self._last = min(2 * self._wait, LONGEST), time.monotonic()


@contextmanager
def ingesting(what: str = "files", plain: bool = True) -> Iterator[Callable[[IngestProgress], None]]:
    """Draw how many files (or ``what``) are done, rate, time left, and the stage that limits the run.

    ``plain``: say it in lines where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        lines = _PlainLines()

        def line(moment: IngestProgress) -> None:
            if plain:
                of = "" if moment.found is None else f" of {moment.found}"
                lines.say(lambda: f"{moment.done}{of} {what}, {_pace(moment)}")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda moment: bar.update(task, completed=moment.done, total=moment.found, description=_pace(moment))


def _pace(moment: IngestProgress) -> str:
    left = f", {_duration(moment.eta_seconds)} left" if moment.eta_seconds is not None else ""
    return f"{moment.rate_per_second:.1f}/s{left}, waiting for {moment.stage}"


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Draw how many things are done; called with each further number of them."""
    if not sys.stderr.isatty():
        lines, done = _PlainLines(), 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            lines.say(lambda: f"{done} {what}")

        yield count
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
        lines = _PlainLines()
        yield lambda done, total: lines.say(lambda: f"{done} of {total} {what}")
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
