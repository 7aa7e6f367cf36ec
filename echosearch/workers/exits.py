"""What the exit code of a worker says of its end."""

from __future__ import annotations

import signal

from echosearch.workers.worker import EXIT_MEMORY, EXIT_PANIC

__all__ = ["how_it_ended"]

_OWN = {EXIT_MEMORY: "memory limit", EXIT_PANIC: "panic in a codec"}


def how_it_ended(exitcode: int) -> str:
    """Return a few words on an exit code, negative for a signal: memory limit, SIGSEGV, exit status 3."""
    if exitcode in _OWN:
        return _OWN[exitcode]
    return signal.Signals(-exitcode).name if exitcode < 0 else f"exit status {exitcode}"
