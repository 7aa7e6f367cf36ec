"""Ending a run behind the current step, with a checkpoint: SIGTERM, as a scheduler sends it, or Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from trainer.distributed import gather, world

__all__ = ["any_told", "told_to_stop"]


@contextmanager
def told_to_stop() -> Iterator[list[bool]]:
    """Grows when this process is told. A second signal of a kind does what it did before."""
    told: list[bool] = []
    before: dict[int, Any] = {}

    def stop(number: int, _frame: object) -> None:
        told.append(True)
        signal.signal(number, before[number] or signal.SIG_DFL)

    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, stop)
    except ValueError:  # not the main thread: nobody can signal us
        yield told
        return
    try:
        yield told
    finally:
        for told_by, handler in before.items():
            signal.signal(told_by, handler or signal.SIG_DFL)


def any_told(told: list[bool], device: torch.device) -> bool:
    """Whether any process was: all must stop behind the same step."""
    if world() == 1:
        return bool(told)
    return bool(gather(torch.tensor([len(told)], device=device)).any())
