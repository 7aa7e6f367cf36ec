"""Stop a run after the current step, with a checkpoint: on SIGTERM, as a scheduler sends it, or Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from trainer.distributed import gather_rows, world

__all__ = ["any_told", "told_to_stop"]


@contextmanager
def told_to_stop() -> Iterator[list[bool]]:
    """Yield a list that grows on a signal. A second signal of a kind has its earlier effect."""
    told: list[bool] = []
    before: dict[int, Any] = {}

    def stop(number: int, _frame: object) -> None:
        told.append(True)
        signal.signal(number, before[number] or signal.SIG_DFL)

    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, stop)
    except ValueError:  # not the main thread, which alone receives signals
        yield told
        return
    try:
        yield told
    finally:
        for told_by, handler in before.items():
            signal.signal(told_by, handler or signal.SIG_DFL)


def any_told(told: list[bool], device: torch.device) -> bool:
    """Return True if any rank was told to stop, so that all ranks stop after the same step."""
    if world() == 1:
        return bool(told)
    return bool(gather_rows(torch.tensor([len(told)], device=device)).any())
