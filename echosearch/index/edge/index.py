"""Qdrant's own engine in this process (qdrant-edge-py), under one folder that one process holds at a time.

    FOLDER/lock                 held from the first use until close(); names the process that holds it
    FOLDER/videos_0123abcd/     one shard a collection
    FOLDER/.ready-...           an optimised copy that is about to take its shard's place
    FOLDER/.new-..., .drop-...  half-made or half-removed: swept at the next opening

Each write ends with a flush. The engine's write-ahead log would not spare it: an update only writes the log, no
update forces it to the disk (strace shows msync and fsync with flush alone), and it stores every point twice.
So the shards have none.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import RLock
from uuid import UUID

import qdrant_edge as engine

from echosearch.errors import ArchiveError, StoreUnreachable
from echosearch.filters import Where
from echosearch.index.base import Collection, Point, Scored, Stored
from echosearch.index.edge.aside import copy_optimized
from echosearch.index.edge.filter import edge_filter
from echosearch.index.edge.folder import READY, IndexFolder
from echosearch.index.edge.records import in_order, stored_point, upserts
from echosearch.index.edge.search import nearest, nearest_each
from echosearch.index.edge.shard import (
    Shard,
    check_shard,
    create_shard,
    engine_errors,
    folder_size,
    load_shard,
    sync_folder,
    whole_records,
)
from echosearch.index.fields import TIE_MARGIN, unit_query, unit_rows
from echosearch.vector import Vectors

__all__ = ["EdgeIndex"]

ASIDE_POINTS = 2000  # a larger shard is optimised as a copy in another process: here it would stop all threads


class EdgeIndex:
    """VectorIndex on the embedded engine. Opening is lazy: making one touches no file.

    A write that would leave less than ``min_free_mb`` of the disk raises StoreUnreachable.
    """

    def __init__(self, folder: Path, lock_wait_seconds: float, min_free_mb: int = 0) -> None:
        self.folder = IndexFolder(folder, lock_wait_seconds, min_free_mb)
        self._shards: dict[str, Shard] = {}  # by name
        self._guard = RLock()  # several threads of one process may use the index
        self._writing = RLock()  # taken before the guard: what is copied must not change

    def __repr__(self) -> str:
        return f"EdgeIndex({'open' if self.folder.is_held else 'closed'}, {len(self._shards)} loaded)"

    def ensure(self, collection: Collection) -> None:
        with self._guard:
            self._hold()
            place = self.folder.path / collection.name
            if not place.exists():
                self.folder.check_room()
                create_shard(collection, place)
            shard = self._shard(collection)
            if shard is not None:
                check_shard(collection, shard)

    def collections(self) -> list[str]:
        with self._guard:
            self._hold()
            return sorted(entry.name for entry in self.folder.path.iterdir() if entry.is_dir() and entry.name[0] != ".")

    def upsert(self, collection: Collection, points: Sequence[Point]) -> None:
        if points:
            self._write(collection, upserts(points, unit_rows(collection, points)))

    def delete(self, collection: Collection, ids: Sequence[UUID]) -> None:
        if ids and self._open(collection) is not None:
            self._write(collection, [engine.UpdateOperation.delete_points(list(ids))])

    def search(
        self, collection: Collection, vector: Vectors, limit: int, where: Where | None = None, exact: bool = False
    ) -> list[Scored]:
        query = unit_query(collection, vector)
        shard = self._open(collection)
        if shard is None or limit < 1:
            return []
        with engine_errors(collection.name):
            chosen = edge_filter(where, shard.edge) if where is not None else None
        wanted = limit + TIE_MARGIN
        while True:
            with engine_errors(collection.name):
                found = nearest(shard, query, wanted, chosen, exact)
            if len(found) < wanted or found[-1].score < found[limit - 1].score:
                break
            wanted *= 4  # a tie runs past what was asked for: identical reports have identical vectors
        with whole_records(collection.name):
            return in_order(found, limit)

    def search_each(
        self, collection: Collection, vectors: Vectors, limits: Sequence[int], where: Where | None = None
    ) -> list[list[Scored]]:
        queries = [unit_query(collection, vector) for vector in vectors]
        shard = self._open(collection)
        if shard is None or not queries or min(limits) < 1:
            return [self.search(collection, *each, where) for each in zip(vectors, limits, strict=True)]
        wanted = [limit + TIE_MARGIN for limit in limits]
        with engine_errors(collection.name):
            chosen = edge_filter(where, shard.edge) if where is not None else None
            found = nearest_each(shard, queries, wanted, chosen)
        made = []
        for vector, limit, most, hits in zip(vectors, limits, wanted, found, strict=True):
            if len(hits) < most or hits[-1].score < hits[limit - 1].score:
                with whole_records(collection.name):
                    made.append(in_order(hits, limit))
            else:  # a tie runs past what was asked for
                made.append(self.search(collection, vector, limit, where))
        return made

    def count(self, collection: Collection) -> int:
        shard = self._open(collection)
        if shard is None:
            return 0
        with engine_errors(collection.name):
            return shard.edge.count(engine.CountRequest(exact=True))

    def tally(self, collection: Collection) -> int:
        shard = self._open(collection)
        if shard is None:
            return 0
        with engine_errors(collection.name):
            return shard.edge.info().points_count

    def scroll(self, collection: Collection, whole: bool = False, batch: int = 1000) -> Iterator[Stored]:
        shard = self._open(collection)
        offset: engine.PointId | None = None
        while shard is not None:
            request = engine.ScrollRequest(offset=offset, limit=batch, with_payload=whole or ["ref"], with_vector=whole)
            with engine_errors(collection.name):
                records, offset = shard.edge.scroll(request)
            with whole_records(collection.name):
                stored = [stored_point(record, whole) for record in records]
            yield from stored
            if offset is None:
                return

    def drop(self, collection: Collection) -> None:
        with self._writing, self._guard:
            self._hold()
            if collection.name in self._shards:
                with engine_errors(collection.name):
                    self._shards.pop(collection.name).edge.close()
            place = self.folder.path / collection.name
            if place.exists():
                going = self.folder.path / f".drop-{collection.name}"
                place.rename(going)  # gone at once, whatever happens to the rest
                sync_folder(self.folder.path)
                shutil.rmtree(going)

    def optimize(self, collection: Collection) -> bool:
        shard = self._open(collection)
        if shard is None:
            return True
        place = self.folder.path / collection.name
        with self._writing:
            aside = self.tally(collection) > ASIDE_POINTS
            if self.folder.free() < folder_size(place) * (2 if aside else 1):  # what it holds is written anew beside it
                return False
            if aside:
                self._optimize_aside(collection, place)
            else:
                self._optimize_here(collection)
        return True

    def _optimize_here(self, collection: Collection) -> None:
        """Optimise without 4-bit vectors: so few points need none, and the shard would be loaded and written anew."""
        with self._guard, engine_errors(collection.name):
            shard = self._shards[collection.name].edge
            shard.optimize()
            shard.flush()

    def _optimize_aside(self, collection: Collection, place: Path) -> None:
        """Put an optimised copy in the shard's place; searches continue, and those under way end with the old shard."""
        with engine_errors(collection.name):
            self._shards[collection.name].edge.flush()
        made, ready, old = (self.folder.path / f"{prefix}{place.name}" for prefix in (".new-", READY, ".drop-"))
        copy_optimized(collection, self.tally(collection), place, made, self.folder.lock_descriptor())
        with self._guard:
            made.rename(ready)  # from here on a process that opens the folder finds one of the two
            del self._shards[collection.name]
            place.rename(old)
            ready.rename(place)
            sync_folder(self.folder.path)
            self._shards[collection.name] = self._load(collection, place)
        shutil.rmtree(old)

    def close(self) -> None:
        with self._writing, self._guard:
            shards, self._shards = self._shards, {}
            try:
                for name, shard in shards.items():
                    with engine_errors(name):
                        shard.edge.flush()
                        shard.edge.close()
            finally:
                self.folder.release()

    def hold(self, wait_seconds: float) -> bool:
        """Take the folder; return False if another process holds it all the while. Raises StoreUnreachable."""
        with self._guard:
            return self.folder.hold(wait_seconds)

    def _hold(self) -> None:
        if not self.folder.hold(self.folder.wait):
            raise self.folder.locked()

    def _open(self, collection: Collection) -> Shard | None:
        with self._guard:
            self._hold()
            return self._shard(collection)

    def _shard(self, collection: Collection) -> Shard | None:
        """Return the loaded shard, None if there is none on disk."""
        name = collection.name
        if name not in self._shards:
            place = self.folder.path / name
            if not place.exists():
                return None
            self._shards[name] = self._load(collection, place)
        shard = self._shards[name]
        if shard.dimension != collection.dimension:
            raise ArchiveError(
                f"collection {name} holds vectors of {shard.dimension} dimensions, not {collection.dimension}: "
                "make it anew with echosearch index rebuild"
            )
        return shard

    def _load(self, collection: Collection, place: Path) -> Shard:
        deadline = time.monotonic() + self.folder.wait
        while True:
            try:
                return load_shard(collection, place)
            except StoreUnreachable as exc:
                # the engine's own lock: a second index in this process, or a forked child that outlived its parent
                if "WouldBlock" not in str(exc):
                    raise
                if time.monotonic() >= deadline:
                    raise self.folder.locked() from exc
                time.sleep(0.05)

    def _write(self, collection: Collection, operations: Iterable[engine.UpdateOperation]) -> None:
        with self._writing:
            shard = self._open(collection)
            if shard is None:
                raise ArchiveError(f"collection {collection.name} does not exist: run echosearch index rebuild")
            self.folder.check_room()
            with engine_errors(collection.name):
                for operation in operations:
                    shard.edge.update(operation)
                shard.edge.flush()
