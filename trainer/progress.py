"""Report progress on stderr, a line at a time: what a run does and the time that is left."""

from __future__ import annotations

import sys

from echosearch.unicode import visible
from trainer.loop.watch import Moment

__all__ = ["say", "say_clips", "say_moment", "say_studies"]


def say(what: str) -> None:
    sys.stderr.write(f"trainer: {visible(what)}\n")


def say_clips(done: int, total: int) -> None:
    say(f"{done} of {total} clips decoded")


def say_studies(done: int, total: int) -> None:
    say(f"{done} of {total} studies embedded")


def say_moment(moment: Moment) -> None:
    losses = ", ".join(f"{name} {value:.3f}" for name, value in moment.losses.items())
    minutes, seconds = divmod(round(moment.eta_seconds), 60)
    hours, minutes = divmod(minutes, 60)
    say(
        f"step {moment.step} of {moment.steps}: {losses}; lr {moment.lr:.1e}; "
        f"{moment.studies_per_second:.1f} studies/s, {hours}:{minutes:02d}:{seconds:02d} left"
    )
