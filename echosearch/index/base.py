"""The seam between the archive and a vector engine: our own types, two adapters (edge, server).

The index is derived: everything in it can be rebuilt from Postgres without an encoder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from echosearch.filters import Where
from echosearch.vector import Vectors

__all__ = [
    "KINDS",
    "POINT_NAMESPACE",
    "Collection",
    "Payload",
    "Point",
    "PointKind",
    "Scored",
    "Stored",
    "VectorIndex",
    "point_id",
]

PointKind = Literal["videos", "studies", "reports"]
KINDS: tuple[PointKind, ...] = ("videos", "studies", "reports")
POINT_NAMESPACE = UUID("6f2f0c7e-5d0a-5a38-9d3c-0a1f6f4f1e55")
_NAMESPACE_BYTES = POINT_NAMESPACE.bytes  # made anew each time, it takes longer than the hash


def point_id(fingerprint: str, key: str) -> UUID:
    """Return a deterministic id: the same video under the same encoder is the same point, however often it is sent."""
    digest = hashlib.sha1(_NAMESPACE_BYTES + f"{fingerprint}|{key}".encode(), usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)  # uuid5 (RFC 9562), without its detours: ten million times


@dataclass(frozen=True)
class Collection:
    """One encoder's points of one kind."""

    kind: PointKind
    fingerprint: str  # of the encoder
    dimension: int

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.fingerprint[:16]}"


@dataclass(frozen=True)
class Payload:
    """The attributes beside a vector: pseudonymous keys and coarse values. It never names a patient."""

    key: str  # of the video, study or report
    study: str
    patient: str
    gen: int  # of the row in Postgres that this point was made from
    vector_hash: str  # of the raw bytes in Postgres
    view: str | None = None
    view_prob: float | None = None
    mode: str | None = None
    sex: str | None = None
    age: int | None = None  # years at the study, 90 means 90 and over
    month: int | None = None  # yyyymm
    device: str | None = None


@dataclass(frozen=True)
class Point:
    id: UUID
    vector: Vectors = field(repr=False)  # (D,) raw output; cosine collections normalise on their own
    payload: Payload


class Scored(NamedTuple):
    """One search result: cosine similarity in [-1, 1]."""

    key: str
    study: str
    patient: str
    score: float
    gen: int


@dataclass(frozen=True)
class Stored:
    """A point as scroll gives it; if asked for, with ``payload`` as payload_values made it and a unit ``vector``."""

    id: UUID
    key: str
    gen: int
    vector_hash: str
    payload: Mapping[str, object] | None = field(default=None, repr=False)
    vector: Vectors | None = field(default=None, repr=False)


class VectorIndex(Protocol):
    """A vector engine. Raises StoreUnreachable or ArchiveLocked (errors.py), never an engine's own error."""

    def ensure(self, collection: Collection) -> None:
        """Create a collection with its payload indexes, or check that an existing one fits (dimension, distance)."""
        ...

    def collections(self) -> list[str]: ...

    def upsert(self, collection: Collection, points: Sequence[Point]) -> None:
        """Write points; they are applied and durable when this returns."""
        ...

    def delete(self, collection: Collection, ids: Sequence[UUID]) -> None: ...

    def search(
        self, collection: Collection, vector: Vectors, limit: int, where: Where | None = None, exact: bool = False
    ) -> list[Scored]:
        """Return the best points, best first; ties in the order of their ids. A missing collection gives []."""
        ...

    def search_each(
        self, collection: Collection, vectors: Vectors, limits: Sequence[int], where: Where | None = None
    ) -> list[list[Scored]]:
        """Return what search gives for each of ``vectors`` (K, D), with its limit; together they cost less."""
        ...

    def count(self, collection: Collection) -> int: ...

    def tally(self, collection: Collection) -> int:
        """Return the engine's own count of points: at once, and rough while it is being written to."""
        ...

    def scroll(self, collection: Collection, whole: bool = False, batch: int = 1000) -> Iterator[Stored]:
        """Yield every point once, in the order of ids; ``whole``: with payload and vector."""
        ...

    def drop(self, collection: Collection) -> None: ...

    def optimize(self, collection: Collection) -> bool:
        """Build what makes search fast (HNSW); may take long; a no-op where the engine does it by itself.

        False if there is no room on the disk to do so: searches stay right.
        """
        ...

    def close(self) -> None: ...
