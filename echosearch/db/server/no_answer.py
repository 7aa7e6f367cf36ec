"""What is said when PostgreSQL does not answer: that its disk is full, where that is why."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from echosearch.errors import StoreUnreachable

__all__ = ["first_line", "no_answer"]

DISK_FULL = "53100"  # SQLSTATE
NO_SPACE = "No space left on device"
NEARLY_FULL = 32 << 20  # bytes: two segments of the server's log, without which it stops in the middle of a word


def no_answer(error: BaseException | str, home: Path | None = None) -> StoreUnreachable:
    """Return the error to raise; ``home``: the embedded server's."""
    said = first_line(error)
    if getattr(error, "sqlstate", None) == DISK_FULL or NO_SPACE in str(error) or _is_full(home):
        where = "PostgreSQL's disk" if home is None else f"the disk of {home}"
        return StoreUnreachable(f"{where} is full: make room there and run it again, nothing is lost ({said})")
    if home is not None:
        log = home / "postgres" / "log"
        return StoreUnreachable(
            f"PostgreSQL under {home} does not answer: {said}" + (f"; see {log}" if log.exists() else "")
        )
    return StoreUnreachable(f"PostgreSQL does not answer: {said}; check ECHOSEARCH_DATABASE_URL and the server")


def first_line(error: BaseException | str) -> str:
    """Return a driver's message in one short line. It can name host, port and user, never the password."""
    return " ".join(str(error).split())[:200]


def _is_full(home: Path | None) -> bool:
    with suppress(OSError):
        return home is not None and shutil.disk_usage(home).free < NEARLY_FULL
    return False
