"""What takes long to compute and need not be of this moment: kept, and made anew in the background when it is old."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Condition, Lock, Thread
from typing import Generic, TypeVar

__all__ = ["Dated", "Refreshed", "RefreshedEach"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
LOG = "echosearch.web"
SHARE = 20  # a value is kept at least so many times as long as it took: its making takes a twentieth of a core at most


@dataclass(frozen=True)
class Dated(Generic[T]):
    """A value, and when it was computed (UTC)."""

    value: T
    as_of: datetime


class Refreshed(Generic[T]):
    """One value, which any number of threads may ask for; it is made by one thread at a time, and only if asked for.

    ``seconds``: how old it may be. ``stamp``: what it belongs to, cheap to ask; a value of another stamp is not given.
    """

    def __init__(self, make: Callable[[], T], seconds: float, stamp: Callable[[], Hashable] = lambda: None) -> None:
        self._make, self._seconds, self._stamp = make, seconds, stamp
        self._known: tuple[Hashable, Dated[T]] | None = None
        self._due = 0.0  # monotonic
        self._making, self._made = False, 0  # how often it was tried
        self._changed = Condition()

    def get(self, wait: float) -> Dated[T] | None:
        """Return the value, and have it made anew if it is due; wait only where there is none. None: not yet made.

        ``wait`` is in seconds. Raises what ``stamp`` raises.
        """
        stamp, deadline = self._stamp(), time.monotonic() + wait
        with self._changed:
            tries = self._made + 2  # the one that is under way may belong to another stamp
            while True:
                fits = self._known is not None and self._known[0] == stamp
                if not self._making and self._made < tries and (not fits or time.monotonic() >= self._due):
                    self._making = True
                    Thread(target=self._remake, args=(stamp,), daemon=True).start()
                if fits:
                    assert self._known is not None
                    return self._known[1]
                left = deadline - time.monotonic()
                if left <= 0 or self._made >= tries:  # what failed is in the log
                    return None
                self._changed.wait(left)

    def _remake(self, stamp: Hashable) -> None:
        began, as_of = time.monotonic(), datetime.now(UTC)
        made: T | None = None
        try:
            made = self._make()
        except Exception as exc:  # whatever it was, the page is to say that there is nothing
            logging.getLogger(LOG).warning("a background count failed: %s", type(exc).__name__)
        took = time.monotonic() - began
        with self._changed:
            if made is not None:
                self._known = stamp, Dated(made, as_of)
            self._due = time.monotonic() + max(self._seconds, SHARE * took)
            self._making, self._made = False, self._made + 1
            self._changed.notify_all()


class RefreshedEach(Generic[K, T]):
    """A value for each of at most ``most`` keys, those that were asked for last; one is made at a time."""

    def __init__(
        self, make: Callable[[K], T], seconds: float, stamp: Callable[[], Hashable] = lambda: None, most: int = 16
    ) -> None:
        self._make, self._seconds, self._stamp, self._most = make, seconds, stamp, most
        self._values: OrderedDict[K, Refreshed[T]] = OrderedDict()
        self._lock, self._one = Lock(), Lock()

    def get(self, key: K, wait: float) -> Dated[T] | None:
        """Return the value of a key as Refreshed.get does."""
        with self._lock:
            value = self._values.get(key) or Refreshed(lambda: self._made(key), self._seconds, self._stamp)
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value.get(wait)

    def _made(self, key: K) -> T:
        with self._one:
            return self._make(key)
