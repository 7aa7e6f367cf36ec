"""A Qdrant server, through qdrant-client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models

from echosearch.errors import ArchiveError
from echosearch.filters import Where
from echosearch.index.base import Collection, Point, Scored, Stored
from echosearch.index.fields import (
    TIE_MARGIN,
    best_first,
    payload_values,
    read_ref,
    scored,
    unit_query,
    unit_rows,
)
from echosearch.index.server.address import read_address
from echosearch.index.server.call import NotFound, call
from echosearch.index.server.collection import Known, build_graph, check_collection, create_collection, known_of
from echosearch.index.server.ends import Ends, open_ends
from echosearch.index.server.filter import server_filter
from echosearch.index.server.options import ServerOptions
from echosearch.index.server.search import nearest
from echosearch.vector import Vectors

__all__ = ["ServerIndex", "connect_server"]

DEFAULTS = ServerOptions()


def connect_server(
    url: str, api_key: str | None, ca: Path | None = None, options: ServerOptions = DEFAULTS
) -> ServerIndex:
    """Return a checked connection: REST, and gRPC once it is shown to be the same server.

    Raises ConfigError for a URL that would send data in the clear, StoreUnreachable where nothing answers.
    """
    return ServerIndex(open_ends(read_address(url, ca), api_key), options)


class ServerIndex:
    """VectorIndex on a server. Each write waits until it is applied."""

    def __init__(self, ends: Ends | QdrantClient, options: ServerOptions = DEFAULTS) -> None:
        self._options = options
        self._ends = ends if isinstance(ends, Ends) else Ends(ends)
        self._seen: dict[str, Known] = {}  # by the collection's name; read again after each write

    def __repr__(self) -> str:
        return "ServerIndex()"

    def ensure(self, collection: Collection) -> None:
        try:
            known = check_collection(self._ends.writes, collection, self._options)
        except NotFound:
            create_collection(self._ends.writes, collection, self._options)
            known = check_collection(self._ends.writes, collection, self._options)
        self._ends.check_writes(collection.name)
        self._seen[collection.name] = known

    def collections(self) -> list[str]:
        answer = call(self._ends.reads.get_collections)
        return sorted(entry.name for entry in answer.collections)

    def upsert(self, collection: Collection, points: Sequence[Point]) -> None:
        if not points:
            return
        rows = unit_rows(collection, points).tolist()

        def send(start: int) -> None:
            some = points[start : start + step]
            batch = models.Batch(
                ids=[str(point.id) for point in some],
                vectors=rows[start : start + step],
                payloads=[payload_values(point.payload) for point in some],
            )
            call(partial(self._ends.writes.upsert, collection.name, batch, wait=True))

        most = self._options.request_points
        try:
            step = min(most, self._known(collection).batch or most)
            starts = range(0, len(points), step)
            if self._options.streams == 1 or len(starts) == 1:
                for start in starts:
                    send(start)
            else:
                with ThreadPoolExecutor(self._options.streams, thread_name_prefix="upsert") as streams:
                    list(streams.map(send, starts))  # what went wrong in one is raised here
        except NotFound as exc:
            raise ArchiveError(f"collection {collection.name} does not exist: run echosearch index rebuild") from exc
        self._seen.pop(collection.name, None)

    def delete(self, collection: Collection, ids: Sequence[UUID]) -> None:
        if not ids:
            return
        chosen = models.PointIdsList(points=[str(point_id) for point_id in ids])
        try:
            call(lambda: self._ends.writes.delete(collection.name, chosen, wait=True))
        except NotFound:
            return

    def search(
        self, collection: Collection, vector: Vectors, limit: int, where: Where | None = None, exact: bool = False
    ) -> list[Scored]:
        query = unit_query(collection, vector)
        if limit < 1:
            return []
        chosen = server_filter(where) if where is not None else None
        wanted = limit + TIE_MARGIN
        try:
            known = self._known(collection)
            while True:
                most = self._within(collection, known, limit, wanted)
                found = nearest(self._ends.reads, collection, known, query, most, chosen, exact)
                if len(found) < wanted or found[-1].score < found[limit - 1].score:
                    break
                wanted *= 4  # a tie runs past what was asked for: identical reports have identical vectors
        except NotFound:
            return []
        return best_first([(UUID(str(hit.id)), scored(hit.payload or {}, hit.score)) for hit in found], limit)

    def search_each(
        self, collection: Collection, vectors: Vectors, limits: Sequence[int], where: Where | None = None
    ) -> list[list[Scored]]:
        return [self.search(collection, *each, where) for each in zip(vectors, limits, strict=True)]

    def _known(self, collection: Collection) -> Known:
        """Return the server's description of the collection. Raises NotFound."""
        if collection.name not in self._seen:
            info = call(lambda: self._ends.reads.get_collection(collection.name))
            self._seen[collection.name] = known_of(collection, info)
        return self._seen[collection.name]

    def _within(self, collection: Collection, known: Known, limit: int, wanted: int) -> int:
        """Return how many of ``wanted`` the server gives at once. Raises ArchiveError if less than ``limit``."""
        if known.limit is not None and limit > known.limit:
            raise ArchiveError(
                f"the strict mode of this Qdrant gives at most {known.limit} results of {collection.name} "
                f"(max_query_limit), and {limit} are needed: ask for fewer with --top-k, or raise it"
            )
        return min(wanted, known.limit or wanted)

    def count(self, collection: Collection) -> int:
        try:
            return call(lambda: self._ends.reads.count(collection.name, exact=True)).count
        except NotFound:
            return 0

    def tally(self, collection: Collection) -> int:
        try:
            return call(lambda: self._ends.reads.get_collection(collection.name)).points_count or 0
        except NotFound:
            return 0

    def scroll(self, collection: Collection, whole: bool = False, batch: int = 1000) -> Iterator[Stored]:
        offset: models.ExtendedPointId | None = None
        while True:
            try:
                records, offset = call(
                    partial(
                        self._ends.reads.scroll,
                        collection.name,
                        limit=min(batch, self._known(collection).limit or batch),
                        offset=offset,
                        with_payload=whole or ["ref"],
                        with_vectors=whole,
                    )
                )
            except NotFound:
                return
            for record in records:
                values = record.payload or {}
                vector = np.asarray(record.vector, dtype=np.float32) if whole else None
                yield Stored(UUID(str(record.id)), *read_ref(values), values if whole else None, vector)
            if offset is None:
                return

    def drop(self, collection: Collection) -> None:
        try:
            call(lambda: self._ends.writes.delete_collection(collection.name))
        except NotFound:
            return
        finally:
            self._seen.pop(collection.name, None)

    def optimize(self, collection: Collection) -> bool:
        """Return True: a server builds its graph by itself, as soon as the collection is to have one."""
        with suppress(NotFound):
            build_graph(self._ends.writes, collection)
        return True

    def close(self) -> None:
        self._ends.close()
