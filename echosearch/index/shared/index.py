"""The embedded index for several processes: the first one holds it, the others ask that one.

When the holder ends, the next call of any of the others takes its place. A call that was under way is made again:
reads change nothing, and a write that is repeated writes the same points.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import RLock
from typing import TypeVar
from uuid import UUID

from echosearch.filters import Where
from echosearch.index.base import Collection, Point, Scored, Stored, VectorIndex
from echosearch.index.edge.index import EdgeIndex
from echosearch.index.shared.elsewhere import ElsewhereIndex
from echosearch.index.shared.holder import Holder
from echosearch.index.shared.wire import PeerGone
from echosearch.vector import Vectors

__all__ = ["SharedIndex"]

PAUSE_SECONDS = 0.05
T = TypeVar("T")


class SharedIndex:
    """VectorIndex on the embedded engine under ``folder``, wherever it is open. Opening is lazy.

    Raises ArchiveLocked if a process holds the folder for ``lock_wait_seconds`` and answers nobody.
    """

    def __init__(self, folder: Path, lock_wait_seconds: float, min_free_mb: int = 0) -> None:
        self._folder, self._wait = folder, lock_wait_seconds
        self._edge = EdgeIndex(folder, lock_wait_seconds, min_free_mb)
        self._guard = RLock()
        self._holder: Holder | None = None
        self._elsewhere: ElsewhereIndex | None = None

    def __repr__(self) -> str:
        role = "held here" if self._holder else "held by another process" if self._elsewhere else "closed"
        return f"SharedIndex({role})"

    def ensure(self, collection: Collection) -> None:
        self._do(lambda index: index.ensure(collection))

    def collections(self) -> list[str]:
        return self._do(lambda index: index.collections())

    def upsert(self, collection: Collection, points: Sequence[Point]) -> None:
        self._do(lambda index: index.upsert(collection, points))

    def delete(self, collection: Collection, ids: Sequence[UUID]) -> None:
        self._do(lambda index: index.delete(collection, ids))

    def search(
        self, collection: Collection, vector: Vectors, limit: int, where: Where | None = None, exact: bool = False
    ) -> list[Scored]:
        return self._do(lambda index: index.search(collection, vector, limit, where, exact))

    def search_each(
        self, collection: Collection, vectors: Vectors, limits: Sequence[int], where: Where | None = None
    ) -> list[list[Scored]]:
        return self._do(lambda index: index.search_each(collection, vectors, limits, where))

    def count(self, collection: Collection) -> int:
        return self._do(lambda index: index.count(collection))

    def tally(self, collection: Collection) -> int:
        return self._do(lambda index: index.tally(collection))

    def scroll(self, collection: Collection, whole: bool = False, batch: int = 1000) -> Iterator[Stored]:
        last: UUID | None = None
        while True:
            target = self._target()
            try:
                for point in target.scroll(collection, whole, batch):
                    if last is None or point.id > last:  # the next holder begins from the start
                        last = point.id
                        yield point
                return
            except PeerGone:
                self._forget(target)

    def drop(self, collection: Collection) -> None:
        self._do(lambda index: index.drop(collection))

    def optimize(self, collection: Collection) -> bool:
        return self._do(lambda index: index.optimize(collection))

    def close(self) -> None:
        with self._guard:
            if self._holder is not None:
                self._holder.close()
                self._holder = None
            if self._elsewhere is not None:
                self._elsewhere.close()
                self._elsewhere = None
            self._edge.close()

    def _do(self, call: Callable[[VectorIndex], T]) -> T:
        while True:
            target = self._target()
            try:
                return call(target)
            except PeerGone:
                self._forget(target)

    def _target(self) -> VectorIndex:
        """Return the index that answers now: this process's own, or the holder's."""
        with self._guard:
            deadline = time.monotonic() + self._wait
            while True:
                if self._holder is not None:
                    return self._edge
                if self._elsewhere is not None:
                    return self._elsewhere
                if self._edge.hold(0):
                    self._holder = Holder(self._edge, self._folder)
                    continue
                try:
                    self._elsewhere = ElsewhereIndex(self._folder)
                except PeerGone:  # it is just opening, or closing, or an older version
                    if time.monotonic() >= deadline:
                        raise self._edge.folder.locked() from None
                    time.sleep(PAUSE_SECONDS)

    def _forget(self, target: VectorIndex) -> None:
        with self._guard:
            if self._elsewhere is target:
                self._elsewhere.close()
                self._elsewhere = None
