"""What both engines share: which payload fields are indexed, how a payload is written, which vectors are let in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

import numpy as np

from echosearch.index.base import Collection, Payload, Point, Scored
from echosearch.vector import Vectors, unit
from echosearch.where import FIELDS, Comparison

__all__ = [
    "HNSW_EF",
    "HNSW_EF_CONSTRUCT",
    "HNSW_M",
    "PAYLOAD_INDEXES",
    "SCORED_FIELDS",
    "TIE_MARGIN",
    "IndexType",
    "Interval",
    "best_first",
    "interval",
    "payload_values",
    "read_ref",
    "scored",
    "unit_query",
    "unit_rows",
]

# Chosen by tests/benchmarks/bench_index.py on 100,000 x 512 (figures in docs/operations.md).
HNSW_M, HNSW_EF_CONSTRUCT, HNSW_EF = 16, 128, 768
TIE_MARGIN = 2  # results asked for beyond the limit, to see whether a tie crosses it

IndexType = Literal["uuid", "keyword", "integer", "float"]

# Every field that a filter may name (echosearch.where.FIELDS). key, gen and vector_hash are only ever read:
# an index on them would cost memory for each point and answer nothing.
PAYLOAD_INDEXES: dict[str, IndexType] = {
    "study": "uuid",
    "patient": "uuid",
    "view": "keyword",
    "view_prob": "float",
    "mode": "keyword",
    "sex": "keyword",
    "age": "integer",
    "month": "integer",
    "device": "keyword",
}
SCORED_FIELDS = ("ref", "study", "patient")
USABLE_NORMS = (1e-30, 1e30)  # float32 can divide by it

assert PAYLOAD_INDEXES.keys() == FIELDS.keys()
assert set(PAYLOAD_INDEXES.values()) == set(get_args(IndexType))


def payload_values(payload: Payload) -> dict[str, object]:
    """Payload as an engine stores it; what is unknown is left out (a filter on it then never matches).

    key, gen and vector_hash travel as one string, "ref": they are only ever read, and each string more costs an
    engine several microseconds a point.
    """
    values: dict[str, object] = {"ref": f"{payload.key} {payload.gen} {payload.vector_hash}"}
    for name in PAYLOAD_INDEXES:
        value = getattr(payload, name)
        if value is not None:
            values[name] = value
    return values


def read_ref(values: Mapping[str, object]) -> tuple[str, int, str]:
    """Key, gen and vector hash of a stored payload."""
    key, gen, vector_hash = str(values["ref"]).split(" ")
    return key, int(gen), vector_hash


def scored(values: Mapping[str, object], score: float) -> Scored:
    """A search result from a stored payload. Float16 storage can push a cosine a little past 1: it is clamped."""
    key, gen, _ = read_ref(values)
    return Scored(
        key=key,
        study=str(values["study"]),
        patient=str(values["patient"]),
        score=max(-1.0, min(1.0, score)),
        gen=gen,
    )


def best_first(results: Sequence[tuple[UUID, Scored]], limit: int) -> list[Scored]:
    """The first ``limit``, highest score first, equal scores in the order of their ids."""
    return [hit for _, hit in sorted(results, key=lambda pair: (-pair[1].score, pair[0].bytes))[:limit]]


def unit_rows(collection: Collection, points: Sequence[Point]) -> Vectors:
    """The points' vectors, (N, D) float32 of unit length. Raises ValueError on a wrong shape, a zero or a NaN.

    The same as vector.unit, at a tenth of its time: norms summed in float64 without a float64 copy of the rows.
    """
    for point in points:
        if point.vector.shape != (collection.dimension,):
            raise ValueError(
                f"point {point.id} of {collection.name} has shape {point.vector.shape}, not ({collection.dimension},)"
            )
    rows: Vectors = np.stack([point.vector for point in points], dtype=np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    bad = ~((norms > USABLE_NORMS[0]) & (norms < USABLE_NORMS[1]))  # true for a NaN too
    if bad.any():
        raise ValueError(f"point {points[int(bad.argmax())].id} of {collection.name} is zero or not finite")
    rows /= norms.astype(np.float32)[:, None]
    return rows


def unit_query(collection: Collection, vector: Vectors) -> list[float]:
    """A query vector of unit length. Raises ValueError on a wrong shape, a zero or a NaN."""
    if vector.shape != (collection.dimension,):
        raise ValueError(f"a query of {collection.name} has shape {vector.shape}, not ({collection.dimension},)")
    _check_direction(vector, f"a query of {collection.name}")
    values: list[float] = unit(vector).tolist()
    return values


def _check_direction(vector: Vectors, what: str) -> None:
    try:
        unit(vector)
    except ValueError as exc:
        raise ValueError(f"{what}: {exc}") from exc


@dataclass(frozen=True)
class Interval:
    """Bounds of a numeric comparison; None is open."""

    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


def interval(comparison: Comparison, value: float) -> Interval:
    """The interval that ``comparison`` with ``value`` means.

    On integer fields the bounds become whole and closed, because an engine's integer index cuts the
    fraction off: ``age < 64.5`` would lose the 64-year-olds.
    """
    whole = FIELDS[comparison.field] is int
    match comparison.op:
        case "<":
            return Interval(lte=math.ceil(value) - 1) if whole else Interval(lt=value)
        case "<=":
            return Interval(lte=math.floor(value) if whole else value)
        case ">":
            return Interval(gte=math.floor(value) + 1) if whole else Interval(gt=value)
        case ">=":
            return Interval(gte=math.ceil(value) if whole else value)
        case _:  # "=", and each value of "in"; a fraction on an integer field gives an empty interval
            return Interval(gte=math.ceil(value), lte=math.floor(value)) if whole else Interval(gte=value, lte=value)
