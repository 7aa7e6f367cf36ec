"""The Unix socket beside the embedded index: the process that holds the index answers, others of its user ask."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Condition, Thread
from typing import Any
from uuid import UUID

from echosearch.errors import StoreUnreachable
from echosearch.index.base import VectorIndex
from echosearch.index.shared.peers import connect_peer, is_ours, listen
from echosearch.index.shared.wire import (
    Message,
    PeerGone,
    failure,
    message_vectors,
    read_collection,
    read_points,
    read_where,
    receive,
    send,
    write_stored,
)

__all__ = ["Holder", "connect_holder"]

NAME = "socket"
SCROLL = 1000  # points a message


class Holder:
    """Answers on FOLDER/socket with the index that this process holds, a thread for each connection, until close()."""

    def __init__(self, index: VectorIndex, folder: Path) -> None:
        self._index, self._folder = index, folder
        self._change = Condition()  # guards the two sets
        self._open: set[socket.socket] = set()  # connections that may ask
        self._busy: set[socket.socket] = set()  # connections whose request the index works on
        with suppress(FileNotFoundError):
            (folder / NAME).unlink()  # of a process that was killed: the lock is ours
        self._closed = False
        self._socket = listen(folder, NAME)
        Thread(target=self._accept, daemon=True, name="index-holder").start()

    def close(self) -> None:
        """Take no more requests, and wait until the index has done those under way.

        A caller whose answer is cut off asks again, whoever holds the index then.
        """
        with suppress(FileNotFoundError):
            (self._folder / NAME).unlink()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._change:
            self._closed = True
            connections, self._open = self._open, set()
            self._change.wait_for(lambda: not self._busy)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if not is_ours(connection):
                connection.close()
                continue
            with self._change:
                if self._closed:  # it was accepted at the last moment
                    connection.close()
                    return
                self._open.add(connection)
            Thread(target=self._serve, args=(connection,), daemon=True, name="index-caller").start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(PeerGone):
            while True:
                answers = _answers(self._index, receive(connection))
                while (answer := self._next(connection, answers)) is not None:
                    send(connection, answer)
        with self._change:
            self._open.discard(connection)

    def _next(self, connection: socket.socket, answers: Iterator[Message]) -> Message | None:
        """Make the next answer. Raises PeerGone once the holder is being closed."""
        with self._change:
            if connection not in self._open:
                raise PeerGone("the holder ends")
            self._busy.add(connection)
        try:
            return next(answers, None)
        finally:
            with self._change:
                self._busy.discard(connection)
                self._change.notify_all()


def connect_holder(folder: Path) -> socket.socket | None:
    """Connect to the process that holds the index in ``folder``; None if none answers there."""
    return connect_peer(folder, NAME)


def _answers(index: VectorIndex, request: Message) -> Iterator[Message]:
    """Yield the answers to one request: several for scroll, one for anything else."""
    try:
        if request.head.get("call") == "scroll":
            yield from _scroll(index, request)
        else:
            yield Message({"result": _call(index, request)})
    except Exception as exc:
        yield failure(exc if not isinstance(exc, KeyError) else StoreUnreachable(f"the index was not asked for {exc}"))


def _scroll(index: VectorIndex, request: Message) -> Iterator[Message]:
    collection, whole = read_collection(request.head["collection"]), bool(request.head["whole"])
    points = index.scroll(collection, whole, int(request.head["batch"]))
    while batch := [*islice(points, SCROLL)]:
        yield write_stored(batch, whole)
    yield Message({"points": []})


def _call(index: VectorIndex, request: Message) -> Any:
    head = request.head
    if head["call"] == "collections":
        return index.collections()
    collection = read_collection(head["collection"])
    plain: dict[str, Callable[[Any], Any]] = {
        "ensure": index.ensure,
        "count": index.count,
        "tally": index.tally,
        "drop": index.drop,
        "optimize": index.optimize,
    }
    if (method := plain.get(head["call"])) is not None:
        return method(collection)
    match head["call"]:
        case "upsert":
            return index.upsert(collection, read_points(request, collection.dimension))
        case "delete":
            return index.delete(collection, [UUID(value) for value in head["ids"]])
        case "search":
            (vector,) = message_vectors(request, collection.dimension)
            found = index.search(collection, vector, head["limit"], read_where(head["where"]), head["exact"])
            return [one._asdict() for one in found]
        case "search_each":
            vectors = message_vectors(request, collection.dimension)
            each = index.search_each(collection, vectors, head["limits"], read_where(head["where"]))
            return [[one._asdict() for one in found] for found in each]
    raise StoreUnreachable(f"the process that holds the index does not know the call {head['call']!r}: end it")
