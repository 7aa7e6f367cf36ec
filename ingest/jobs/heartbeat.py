"""The heartbeat of a run with a lease: a thread of its own renews it while the process lives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType

from echosearch.db import Engine
from echosearch.db.files.leases import end_lease, lock_writer, renew_lease
from echosearch.errors import StoreUnreachable

__all__ = ["Heartbeat"]

BEATS = 4  # a lease


class Heartbeat:
    """Renews the lease of a run four times in its length, with what ``done`` says then. A context manager.

    A beat that does not reach PostgreSQL is left out: the next one may, and if none does in time the lease is over.
    ``lost`` is set then, so that a worker that only waits ends too.
    """

    def __init__(self, engine: Engine, run_id: int, seconds: float, done: Callable[[], dict[str, object]]) -> None:
        self.lost = False
        self._engine, self._run_id, self._seconds, self._done = engine, run_id, seconds, done
        self._ending = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    def end_run(self) -> None:
        """Store that the lease is over, with what ``done`` says. Where PostgreSQL is not reached it ends by itself."""
        with suppress(StoreUnreachable), self._engine.begin() as connection:
            lock_writer(connection)
            end_lease(connection, self._run_id, self._done())

    def _beat(self) -> None:
        while not self._ending.wait(self._seconds / BEATS):
            try:
                with self._engine.begin() as connection:
                    alive = renew_lease(connection, self._run_id, self._seconds, self._done())
            except StoreUnreachable:
                continue
            if not alive:
                self.lost = True
                return
