"""Messages between the process that holds the embedded index and those that use it: a JSON head and raw vectors.

    request    {"call": "search", "collection": {...}, "limit": 10, ...}     vectors: (N, D) float32
    answer     {"result": ...}, or {"error": "StoreUnreachable", "message": "..."}

Only named fields of known types are read; nothing is unpickled.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from pydantic import TypeAdapter

from echosearch import errors
from echosearch.filters import And, Comparison, Not, Or, Where
from echosearch.index.base import Collection, Payload, Point, Scored, Stored
from echosearch.vector import Vectors

__all__ = [
    "Message",
    "PeerGone",
    "failure",
    "message_vectors",
    "raise_failure",
    "read_collection",
    "read_points",
    "read_scored",
    "read_stored",
    "read_where",
    "receive",
    "send",
    "write_points",
    "write_stored",
    "write_where",
]

_LENGTHS = struct.Struct(">QQ")  # of head and vectors, in bytes
MAX_BYTES = 1 << 30  # of a message: 10,000 points of 4,096 dimensions are 160 MB
_ERRORS = ("StoreUnreachable", "ArchiveLocked", "ArchiveError")


class PeerGone(ConnectionError):
    """The other process has closed the connection, or sent what is no message."""


@dataclass(frozen=True)
class Message:
    head: dict[str, Any]
    vectors: bytes = field(default=b"", repr=False)


def send(connection: socket.socket, message: Message) -> None:
    """Send one message. Raises PeerGone."""
    head = json.dumps(message.head, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        connection.sendall(_LENGTHS.pack(len(head), len(message.vectors)) + head)
        if message.vectors:
            connection.sendall(message.vectors)
    except OSError as exc:
        raise PeerGone(str(exc)) from exc


def receive(connection: socket.socket) -> Message:
    """Read one message, waiting for it. Raises PeerGone."""
    head, vectors = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size))
    if head + vectors > MAX_BYTES:
        raise PeerGone(f"a message of {head + vectors:,} bytes; at most {MAX_BYTES:,} are read")
    said, raw = _exactly(connection, head), _exactly(connection, vectors)
    try:
        read = json.loads(said)
    except ValueError as exc:
        raise PeerGone("a head that is not JSON") from exc
    if not isinstance(read, dict):
        raise PeerGone("a head that is not a JSON object")
    return Message(read, raw)


def _exactly(connection: socket.socket, size: int) -> bytes:
    read = bytearray(size)
    view, at = memoryview(read), 0
    while at < size:
        try:
            count = connection.recv_into(view[at:])
        except OSError as exc:
            raise PeerGone(str(exc)) from exc
        if not count:
            raise PeerGone("the connection is closed")
        at += count
    return bytes(read)


# --- errors ---------------------------------------------------------------------------------------------------------


def failure(exc: Exception) -> Message:
    """Return the answer that raises ``exc`` at the other end."""
    names = [kind.__name__ for kind in type(exc).__mro__]
    known = next((name for name in names if name in (*_ERRORS, "ValueError")), "StoreUnreachable")
    return Message({"error": known, "message": str(exc)})


def raise_failure(message: Message) -> None:
    """Raise the error that an answer holds, if it holds one."""
    name = message.head.get("error")
    if name is None:
        return
    kind = getattr(errors, name) if name in _ERRORS else ValueError
    raise kind(str(message.head.get("message")))


# --- values ---------------------------------------------------------------------------------------------------------

_COLLECTION: TypeAdapter[Collection] = TypeAdapter(Collection)
_PAYLOADS: TypeAdapter[list[Payload]] = TypeAdapter(list[Payload])
_SCORED: TypeAdapter[list[Scored]] = TypeAdapter(list[Scored])


def read_collection(value: object) -> Collection:
    return _COLLECTION.validate_python(value)


def write_where(where: Where | None) -> Any:
    """Return a condition as JSON; each node says what it is, because And and Or have the same fields."""
    match where:
        case None:
            return None
        case And(parts) | Or(parts):
            return {"all" if isinstance(where, And) else "any": [write_where(part) for part in parts]}
        case Not(part):
            return {"not": write_where(part)}
        case Comparison(field, op, value):
            return [field, op, value]


def read_where(value: Any) -> Where | None:
    match value:
        case None:
            return None
        case {"all": parts}:
            return And(_parts(parts))
        case {"any": parts}:
            return Or(_parts(parts))
        case {"not": part}:
            return Not(_parts([part])[0])
        case [field, op, bound]:
            return Comparison(field, op, tuple(bound) if isinstance(bound, list) else bound)
    raise ValueError(f"not a condition: {value!r}")


def _parts(values: Sequence[Any]) -> tuple[Where, ...]:
    return tuple(part for value in values if (part := read_where(value)) is not None)


def read_scored(value: object) -> list[Scored]:
    return _SCORED.validate_python(value)


def message_vectors(message: Message, dimension: int) -> Vectors:
    """Return the message's vectors, (N, D) float32."""
    return np.frombuffer(message.vectors, dtype=np.float32).reshape(-1, dimension)


def write_points(points: Sequence[Point]) -> tuple[dict[str, Any], bytes]:
    """Return ids and payloads, and the vectors, which have one shape."""
    rows = np.stack([point.vector for point in points], dtype=np.float32)
    return {"ids": [str(one.id) for one in points], "payloads": [asdict(one.payload) for one in points]}, rows.tobytes()


def read_points(message: Message, dimension: int) -> list[Point]:
    ids = [UUID(value) for value in message.head["ids"]]
    rows, payloads = message_vectors(message, dimension), _PAYLOADS.validate_python(message.head["payloads"])
    return [Point(*one) for one in zip(ids, rows, payloads, strict=True)]


def write_stored(points: Sequence[Stored], whole: bool) -> Message:
    """Return an answer with points as scroll gives them."""
    rows = [[str(one.id), one.key, one.gen, one.vector_hash, _plain(one.payload)] for one in points]
    vectors = [one.vector for one in points if one.vector is not None] if whole else []
    return Message({"points": rows}, np.stack(vectors).astype(np.float32).tobytes() if vectors else b"")


def read_stored(message: Message, whole: bool, dimension: int) -> list[Stored]:
    rows = message.head["points"]
    vectors: Sequence[Vectors | None] = [*message_vectors(message, dimension)] if whole else [None] * len(rows)
    return [
        Stored(UUID(one), key, gen, digest, payload, vector)
        for (one, key, gen, digest, payload), vector in zip(rows, vectors, strict=True)
    ]


def _plain(payload: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if payload is None else dict(payload)
