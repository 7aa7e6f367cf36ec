"""The embedded index as another process holds it, by way of its socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

import numpy as np

from echosearch.filters import Where
from echosearch.index.base import Collection, Point, Scored, Stored
from echosearch.index.fields import check_shapes
from echosearch.index.shared.holder import connect_holder
from echosearch.index.shared.wire import (
    Message,
    PeerGone,
    raise_failure,
    read_scored,
    read_stored,
    receive,
    send,
    write_points,
    write_where,
)
from echosearch.vector import Vectors

__all__ = ["ElsewhereIndex"]


class ElsewhereIndex:
    """VectorIndex of the process that holds ``folder``. Every method raises PeerGone when that process ends."""

    def __init__(self, folder: Path) -> None:
        """Connect. Raises PeerGone if no process answers there."""
        self._folder = folder
        self._guard = Lock()
        self._idle: list[socket.socket] = []  # connections that no thread uses now
        self._put(self._take())

    def ensure(self, collection: Collection) -> None:
        self._ask("ensure", collection)

    def collections(self) -> list[str]:
        return [str(name) for name in self._call(Message({"call": "collections"}))]

    def upsert(self, collection: Collection, points: Sequence[Point]) -> None:
        if points:
            check_shapes(collection, points)
            head, vectors = write_points(points)
            self._ask("upsert", collection, vectors, **head)

    def delete(self, collection: Collection, ids: Sequence[UUID]) -> None:
        if ids:
            self._ask("delete", collection, ids=[str(one) for one in ids])

    def search(
        self, collection: Collection, vector: Vectors, limit: int, where: Where | None = None, exact: bool = False
    ) -> list[Scored]:
        if vector.shape != (collection.dimension,):
            raise ValueError(f"a query of {collection.name} has shape {vector.shape}, not ({collection.dimension},)")
        raw = vector.astype(np.float32).tobytes()
        return read_scored(self._ask("search", collection, raw, limit=limit, where=write_where(where), exact=exact))

    def search_each(
        self, collection: Collection, vectors: Vectors, limits: Sequence[int], where: Where | None = None
    ) -> list[list[Scored]]:
        raw = np.ascontiguousarray(vectors, dtype=np.float32).tobytes()
        found = self._ask("search_each", collection, raw, limits=list(limits), where=write_where(where))
        return [read_scored(each) for each in found]

    def count(self, collection: Collection) -> int:
        return int(self._ask("count", collection))

    def tally(self, collection: Collection) -> int:
        return int(self._ask("tally", collection))

    def scroll(self, collection: Collection, whole: bool = False, batch: int = 1000) -> Iterator[Stored]:
        connection = self._take()
        finished = False
        try:
            send(connection, _request("scroll", collection, whole=whole, batch=batch))
            while True:
                answer = receive(connection)
                if "error" in answer.head:
                    finished = True
                    raise_failure(answer)
                points = read_stored(answer, whole, collection.dimension)
                if not points:
                    finished = True
                    return
                yield from points
        finally:  # a reader that stops half-way leaves answers on the connection
            if finished:
                self._put(connection)
            else:
                connection.close()

    def drop(self, collection: Collection) -> None:
        self._ask("drop", collection)

    def optimize(self, collection: Collection) -> bool:
        return bool(self._ask("optimize", collection))

    def close(self) -> None:
        with self._guard:
            while self._idle:
                self._idle.pop().close()

    def _ask(self, call: str, collection: Collection, vectors: bytes = b"", **values: Any) -> Any:
        return self._call(_request(call, collection, vectors, **values))

    def _call(self, request: Message) -> Any:
        connection = self._take()
        try:
            send(connection, request)
            answer = receive(connection)
        except BaseException:
            connection.close()
            raise
        self._put(connection)
        raise_failure(answer)
        return answer.head["result"]

    def _take(self) -> socket.socket:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        connection = connect_holder(self._folder)
        if connection is None:
            raise PeerGone("no process answers")
        return connection

    def _put(self, connection: socket.socket) -> None:
        with self._guard:
            self._idle.append(connection)


def _request(call: str, collection: Collection, vectors: bytes = b"", **values: Any) -> Message:
    return Message({"call": call, "collection": vars(collection), **values}, vectors)
