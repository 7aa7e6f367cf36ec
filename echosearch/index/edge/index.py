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
from typing import IO
from uuid import UUID

import qdrant_edge as engine

from echosearch.errors import ArchiveError, ArchiveLocked, StoreUnreachable
from echosearch.filters import Where
from echosearch.index.base import Collection, Point, Scored, Stored
from echosearch.index.edge.aside import copy_optimized
from echosearch.index.edge.filter import edge_filter
from echosearch.index.edge.records import read_uuid, stored_point, upserts
from echosearch.index.edge.search import nearest
from echosearch.index.edge.shard import (
    check_shard,
    create_shard,
    engine_errors,
    folder_size,
    is_quantized,
    load_shard,
    sync_folder,
    whole_records,
)
from echosearch.index.fields import (
    TIE_MARGIN,
    best_first,
    points_compared,
    scored,
    unit_query,
    unit_rows,
)
from echosearch.locks import free, lock_holder, take
from echosearch.vector import Vectors

__all__ = ["EdgeIndex"]

ASIDE_POINTS = 2000  # a larger shard is optimised as a copy in another process: here it would stop all threads
READY = ".ready-"  # an optimised copy that is whole


class EdgeIndex:
    """VectorIndex on the embedded engine. Opening is lazy: making one touches no file.

    A write that would leave less than ``min_free_mb`` of the disk raises StoreUnreachable.
    """

    def __init__(self, folder: Path, lock_wait_seconds: float, min_free_mb: int = 0) -> None:
        self._folder = folder
        self._wait = lock_wait_seconds
        self._min_free_mb = min_free_mb
        self._lock: IO[str] | None = None
        self._shards: dict[str, tuple[int, engine.EdgeShard]] = {}  # name -> dimension, shard
        self._guard = RLock()  # several threads of one process may use the index
        self._writing = RLock()  # taken before the guard: what is copied must not change

    def __repr__(self) -> str:
        return f"EdgeIndex({'open' if self._lock else 'closed'}, {len(self._shards)} loaded)"

    def ensure(self, collection: Collection) -> None:
        with self._guard:
            self._hold()
            place = self._folder / collection.name
            if not place.exists():
                self._check_room()
                create_shard(collection, place)
            shard = self._shard(collection)
            if shard is not None:
                check_shard(collection, shard)

    def collections(self) -> list[str]:
        with self._guard:
            self._hold()
            return sorted(entry.name for entry in self._folder.iterdir() if entry.is_dir() and entry.name[0] != ".")

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
        chosen = edge_filter(where) if where is not None else None
        wanted = limit + TIE_MARGIN
        while True:
            with engine_errors(collection.name):
                found = nearest(shard, query, wanted, chosen, exact, points_compared(collection))
            if len(found) < wanted or found[-1].score < found[limit - 1].score:
                break
            wanted *= 4  # a tie runs past what was asked for: identical reports have identical vectors
        with whole_records(collection.name):
            return best_first([(read_uuid(hit.id), scored(hit.payload or {}, hit.score)) for hit in found], limit)

    def count(self, collection: Collection) -> int:
        shard = self._open(collection)
        if shard is None:
            return 0
        with engine_errors(collection.name):
            return shard.count(engine.CountRequest(exact=True))

    def tally(self, collection: Collection) -> int:
        shard = self._open(collection)
        if shard is None:
            return 0
        with engine_errors(collection.name):
            return shard.info().points_count

    def scroll(self, collection: Collection, whole: bool = False, batch: int = 1000) -> Iterator[Stored]:
        shard = self._open(collection)
        offset: engine.PointId | None = None
        while shard is not None:
            request = engine.ScrollRequest(offset=offset, limit=batch, with_payload=whole or ["ref"], with_vector=whole)
            with engine_errors(collection.name):
                records, offset = shard.scroll(request)
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
                    self._shards.pop(collection.name)[1].close()
            place = self._folder / collection.name
            if place.exists():
                going = self._folder / f".drop-{collection.name}"
                place.rename(going)  # gone at once, whatever happens to the rest
                sync_folder(self._folder)
                shutil.rmtree(going)

    def optimize(self, collection: Collection) -> bool:
        shard = self._open(collection)
        if shard is None:
            return True
        place = self._folder / collection.name
        with self._writing:
            aside = self.tally(collection) > ASIDE_POINTS
            if self._free() < folder_size(place) * (2 if aside else 1):  # what it holds is written anew beside it
                return False
            if aside:
                self._optimize_aside(collection, place)
            else:
                self._optimize_here(collection, place)
        return True

    def _optimize_here(self, collection: Collection, place: Path) -> None:
        with self._guard, engine_errors(collection.name):
            shard = self._shards[collection.name][1]
            if not is_quantized(place):
                shard.flush()
                shard.close()
                del self._shards[collection.name]
                shard = self._load(collection, place, quantized=True)
                self._shards[collection.name] = (collection.dimension, shard)
            shard.optimize()
            shard.flush()

    def _optimize_aside(self, collection: Collection, place: Path) -> None:
        """Put an optimised copy in the shard's place; searches go on, and those under way end with the old shard."""
        with engine_errors(collection.name):
            self._shards[collection.name][1].flush()
        made, ready, old = (self._folder / f"{prefix}{place.name}" for prefix in (".new-", READY, ".drop-"))
        copy_optimized(collection, place, made)
        with self._guard:
            made.rename(ready)  # from here on a process that opens the folder finds one of the two
            del self._shards[collection.name]
            place.rename(old)
            ready.rename(place)
            sync_folder(self._folder)
            self._shards[collection.name] = (collection.dimension, self._load(collection, place))
        shutil.rmtree(old)

    def close(self) -> None:
        with self._writing, self._guard:
            shards, self._shards = self._shards, {}
            try:
                for name, (_, shard) in shards.items():
                    with engine_errors(name):
                        shard.flush()
                        shard.close()
            finally:
                if self._lock is not None:
                    free(self._lock)
                    self._lock = None

    def hold(self, wait_seconds: float) -> bool:
        """Take the folder; return False if another process holds it all the while. Raises StoreUnreachable."""
        with self._guard:
            if self._lock is not None:
                return True
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._lock = take(self._folder / "lock", wait_seconds)
            except OSError as exc:
                raise StoreUnreachable(
                    f"index folder {self._folder}: {exc.strerror}; check its owner and mode"
                ) from exc
            if self._lock is None:
                return False
            for ready in self._folder.glob(f"{READY}*"):  # a kill between the two renames, or before the first
                place = self._folder / ready.name.removeprefix(READY)
                if place.exists():
                    shutil.rmtree(ready)
                else:
                    ready.rename(place)
            for leftover in (*self._folder.glob(".new-*"), *self._folder.glob(".drop-*")):
                shutil.rmtree(leftover)
            return True

    def locked(self) -> ArchiveLocked:
        """Return the error that names who holds the folder."""
        holder = lock_holder(self._folder / "lock")
        who = f"another process ({holder})" if holder is not None else "another process"
        return ArchiveLocked(
            f"{who} holds the archive's index in {self._folder}; gave up after {self._wait:g} s: "
            "try again when it has ended, or use a Qdrant server (ECHOSEARCH_QDRANT_URL)"
        )

    def _hold(self) -> None:
        if not self.hold(self._wait):
            raise self.locked()

    def _open(self, collection: Collection) -> engine.EdgeShard | None:
        with self._guard:
            self._hold()
            return self._shard(collection)

    def _shard(self, collection: Collection) -> engine.EdgeShard | None:
        """Return the loaded shard, None if there is none on disk."""
        name = collection.name
        if name not in self._shards:
            place = self._folder / name
            if not place.exists():
                return None
            self._shards[name] = (collection.dimension, self._load(collection, place))
        dimension, shard = self._shards[name]
        if dimension != collection.dimension:
            raise ArchiveError(
                f"collection {name} holds vectors of {dimension} dimensions, not {collection.dimension}: "
                "make it anew with echosearch index rebuild"
            )
        return shard

    def _load(self, collection: Collection, place: Path, quantized: bool = False) -> engine.EdgeShard:
        deadline = time.monotonic() + self._wait
        while True:
            try:
                return load_shard(collection, place, quantized)
            except StoreUnreachable as exc:
                # the engine's own lock: a second index in this process, or a forked child that outlived its parent
                if "WouldBlock" not in str(exc):
                    raise
                if time.monotonic() >= deadline:
                    raise self.locked() from exc
                time.sleep(0.05)

    def _write(self, collection: Collection, operations: Iterable[engine.UpdateOperation]) -> None:
        with self._writing:
            shard = self._open(collection)
            if shard is None:
                raise ArchiveError(f"collection {collection.name} does not exist: run echosearch index rebuild")
            self._check_room()
            with engine_errors(collection.name):
                for operation in operations:
                    shard.update(operation)
                shard.flush()

    def _free(self) -> int:
        """Return the bytes that may still be written here."""
        return shutil.disk_usage(self._folder).free - (self._min_free_mb << 20)

    def _check_room(self) -> None:
        """Check the free space. The engine writes through memory maps: on a full disk the kernel kills the process
        (SIGBUS), where other writes would get an error. Raises StoreUnreachable."""
        if (free := self._free()) < 0:
            raise StoreUnreachable(
                f"the disk of {self._folder} has {(free >> 20) + self._min_free_mb:,} MB left, and"
                f" {self._min_free_mb:,} are to stay free (ECHOSEARCH_MIN_FREE_MB): make room and run it again; nothing"
                " is lost"
            )
