"""Points as the embedded engine takes and gives them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from uuid import UUID

import numpy as np
import qdrant_edge as engine

from echosearch.index.base import Point, Scored, Stored
from echosearch.index.fields import best_first, payload_values, read_ref, scored
from echosearch.vector import Vectors

__all__ = ["in_order", "read_uuid", "stored_point", "upserts"]

UPDATE_POINTS = 2000  # the engine copies an update twice while it applies it


def upserts(points: Sequence[Point], rows: Vectors) -> Iterator[engine.UpdateOperation]:
    """Yield the engine's updates that write points; ``rows`` (N, D): their unit vectors."""
    for start in range(0, len(points), UPDATE_POINTS):
        some = slice(start, start + UPDATE_POINTS)
        yield engine.UpdateOperation.upsert_points(
            [
                # an array: a list of Python floats would take longer to make than the engine takes to store it
                engine.Point(point.id, array("f", row.tobytes()), payload_values(point.payload))  # type: ignore[arg-type]
                for point, row in zip(points[some], rows[some], strict=True)
            ]
        )


def stored_point(record: engine.Record, whole: bool) -> Stored:
    """Return a scrolled record as a point; ``whole``: with payload and vector."""
    values = record.payload or {}
    vector = np.asarray(record.vector, dtype=np.float32) if whole else None
    return Stored(read_uuid(record.id), *read_ref(values), values if whole else None, vector)


def in_order(found: Sequence[engine.ScoredPoint], limit: int) -> list[Scored]:
    """Return the first ``limit`` results, best first; ids are read only where scores are equal."""
    hits = [scored(point.payload or {}, point.score) for point in found]
    if all(one.score > after.score for one, after in pairwise(hits)):
        return hits[:limit]
    return best_first([(read_uuid(point.id), hit) for point, hit in zip(found, hits, strict=True)], limit)


def read_uuid(value: engine.PointId) -> UUID:
    """Return an engine's point id."""
    return value if isinstance(value, UUID) else UUID(str(value))
