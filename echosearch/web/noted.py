"""Which studies a session has been shown lately: their pictures need no further line in the audit."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

__all__ = ["Noted"]

KEPT = 50_000  # pairs of a session and a study
SECONDS = 3600.0  # then a picture is written down again


class Noted:
    """What the audit has of who saw which study; any number of threads may ask."""

    def __init__(self) -> None:
        self._when: OrderedDict[tuple[bytes, str], float] = OrderedDict()
        self._lock = Lock()

    def add(self, session: bytes, studies: Iterable[str]) -> None:
        """Note studies that the audit has been told of."""
        now = time.monotonic()
        with self._lock:
            for study in studies:
                self._when[session, study] = now
                self._when.move_to_end((session, study))
            while len(self._when) > KEPT:
                self._when.popitem(last=False)

    def has(self, session: bytes, study: str) -> bool:
        """Return whether the audit was told of this study within the last hour."""
        with self._lock:
            when = self._when.get((session, study))
        return when is not None and time.monotonic() - when < SECONDS
