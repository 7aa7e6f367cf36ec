"""How many requests a second each user may make: a token bucket an account, in memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

__all__ = ["BURST_SECONDS", "KEPT", "OF_ITSELF", "RequestRates"]

BURST_SECONDS = 3.0  # of requests may be made at once, by somebody who made none before
OF_ITSELF = 10  # times as many that a page makes of itself: 12 cards ask for 12 posters and 12 cines, in parts
KEPT = 10_000  # buckets; the one that was used least lately goes first, and would have been full again


class RequestRates:
    """Buckets of accounts, one for what people ask and one for what pages fetch of themselves. Threads may share it."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._buckets: OrderedDict[tuple[int, bool], tuple[float, float]] = OrderedDict()  # what is left, when
        self._lock = Lock()

    def wait(self, account_id: int, of_itself: bool) -> float:
        """Count one request, and return 0; or, if it is one too many, the seconds until the next is due."""
        rate = self._per_second * (OF_ITSELF if of_itself else 1)
        most = max(rate * BURST_SECONDS, 1.0)
        with self._lock:
            now = self._clock()
            left, when = self._buckets.get((account_id, of_itself), (most, now))
            left = min(left + rate * (now - when), most)
            wait = 0.0 if left >= 1 else (1 - left) / rate
            self._buckets[account_id, of_itself] = (left if wait else left - 1, now)
            self._buckets.move_to_end((account_id, of_itself))
            while len(self._buckets) > KEPT:
                self._buckets.popitem(last=False)
        return wait
