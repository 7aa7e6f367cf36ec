"""The parts that both engines share: indexed payload fields, how a payload is written, which vectors are accepted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, get_args
from uuid import UUID

import numpy as np

from echosearch.errors import ArchiveError
from echosearch.filters import FIELDS, Comparison
from echosearch.index.base import Collection, Payload, Point, Scored
from echosearch.unicode import as_typed
from echosearch.vector import Vectors, unit

__all__ = [
    "FULL_SCAN_KB",
    "HNSW_EF_CONSTRUCT",
    "HNSW_M",
    "OVERSAMPLING",
    "PAYLOAD_INDEXES",
    "SCORED_FIELDS",
    "TIE_MARGIN",
    "Bounds",
    "IndexType",
    "best_first",
    "check_shapes",
    "full_scan_kb",
    "interval",
    "payload_values",
    "points_compared",
    "read_ref",
    "same_values",
    "scored",
    "unit_query",
    "unit_rows",
    "word_number",
]

# Chosen on the vectors of bench_index.py, 100,000 x 512 (figures in docs/operations.md): a better graph
# takes twice the time to build and half the time to search.
HNSW_M, HNSW_EF_CONSTRUCT = 32, 256
OVERSAMPLING = 4.0  # candidates by the small vectors for each result by the float16 ones
FULL_SCAN_KB = 40_000  # up to this size, in all or after a filter, a scan of the 4-bit vectors is fast and misses less
# In a larger collection a walk takes longer, and so may a scan: an eighth of it, at the most so much. In steps, because
# the embedded engine writes the vectors anew when this changes.
FULL_SCAN_SHARE, FULL_SCAN_STEP, MOST_FULL_SCAN_KB = 1 / 8, 1.25, 160_000
TIE_MARGIN = 2  # results asked for beyond the limit, to see whether a tie crosses it

IndexType = Literal["words", "integer", "float"]

# What a filter may name (echosearch.filters.FIELDS): the words of all its text fields in one list of numbers, and its
# numbers under their own names. An engine keeps a file set for each index, and forces each of its files to the disk
# at every write: one index for six fields costs a sixth. "ref" is only ever read, so it has none.
WORD_FIELDS = tuple(name for name, kind in FIELDS.items() if kind is str)
PAYLOAD_INDEXES: dict[str, IndexType] = {"words": "words", "view_prob": "float", "age": "integer", "month": "integer"}
SCORED_FIELDS = ("ref",)
USABLE_NORMS = (1e-30, 1e30)  # float32 can divide by it

assert {*WORD_FIELDS, *PAYLOAD_INDEXES} - {"words"} == FIELDS.keys()
assert set(PAYLOAD_INDEXES.values()) == set(get_args(IndexType))


@lru_cache(maxsize=4096)
def word_number(field: str, word: str) -> int:
    """Return the number of ``field = word`` in a stored payload: 63 bits of a hash, so that no list of words is kept.

    Numbers, because the embedded engine takes 1.7 us to read one and 4 us to read a string. Among the keys of ten
    million studies, two have the same number with a chance of 1 in 150,000.
    """
    if field == "device":
        word = as_typed(word)  # as a condition gives it, whatever a device calls itself
    return int.from_bytes(blake2b(f"{field}={word}".encode(), digest_size=8).digest(), "big") >> 1


def payload_values(payload: Payload) -> dict[str, object]:
    """Return the payload as an engine stores it; what is unknown is left out (a filter on it then never matches).

    "ref" is what is read back: one string, because each costs the embedded engine several microseconds a point.
    """
    values: dict[str, object] = {
        "ref": f"{payload.key} {payload.gen} {payload.vector_hash} {payload.study} {payload.patient}",
        "words": [word_number(name, word) for name in WORD_FIELDS if (word := getattr(payload, name))],
    }
    for name in ("view_prob", "age", "month"):
        value = getattr(payload, name)
        if value is not None:
            values[name] = value
    return values


def same_values(stored: Mapping[str, object], values: Mapping[str, object]) -> bool:
    """Return True if an engine stores these values: the embedded one gives the last digit of a float back wrong."""
    rest = [{name: value for name, value in each.items() if name != "view_prob"} for each in (stored, values)]
    found, wanted = stored.get("view_prob"), values.get("view_prob")
    if isinstance(found, float | int) and isinstance(wanted, float | int):
        return rest[0] == rest[1] and math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-12)
    return rest[0] == rest[1] and found == wanted


def read_ref(values: Mapping[str, object]) -> tuple[str, int, str]:
    """Return key, gen and vector hash of a stored payload."""
    key, gen, vector_hash, _, _ = _ref(values)
    return key, int(gen), vector_hash


def _ref(values: Mapping[str, object]) -> list[str]:
    parts = str(values.get("ref")).split(" ")
    if len(parts) != 5:
        raise ArchiveError("the index was written by an older echosearch: make it anew with echosearch index rebuild")
    return parts


def scored(values: Mapping[str, object], score: float) -> Scored:
    """Return a search result from a stored payload. Float16 can push a cosine a little past 1: it is clamped."""
    key, gen, _, study, patient = _ref(values)
    return Scored(key=key, study=study, patient=patient, score=max(-1.0, min(1.0, score)), gen=int(gen))


def full_scan_kb(collection: Collection, points: int) -> int:
    """Return up to how many KB of float16 vectors an engine that holds ``points`` in one segment should compare all."""
    most = min(FULL_SCAN_SHARE * points * 2 * collection.dimension / 1024, MOST_FULL_SCAN_KB)
    size = float(FULL_SCAN_KB)
    while size * FULL_SCAN_STEP <= most:
        size *= FULL_SCAN_STEP
    return int(size)


def points_compared(collection: Collection, kilobytes: int = FULL_SCAN_KB) -> int:
    """Return up to how many points an engine compares all of them; it counts in KB of float16 vectors."""
    return kilobytes * 1024 // (2 * collection.dimension)


def best_first(results: Sequence[tuple[UUID, Scored]], limit: int) -> list[Scored]:
    """Return the first ``limit``, highest score first, equal scores in the order of their ids."""
    return [hit for _, hit in sorted(results, key=lambda pair: (-pair[1].score, pair[0].bytes))[:limit]]


def check_shapes(collection: Collection, points: Sequence[Point]) -> None:
    """Check that each vector has the shape (D,). Raises ValueError."""
    for point in points:
        if point.vector.shape != (collection.dimension,):
            raise ValueError(
                f"point {point.id} of {collection.name} has shape {point.vector.shape}, not ({collection.dimension},)"
            )


def unit_rows(collection: Collection, points: Sequence[Point]) -> Vectors:
    """Return the points' vectors, (N, D) float32 of unit length. Raises ValueError on a wrong shape, a zero or a NaN.

    The same as vector.unit, at a tenth of its time: norms summed in float64 without a float64 copy of the rows.
    """
    check_shapes(collection, points)
    rows: Vectors = np.stack([point.vector for point in points], dtype=np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    bad = ~((norms > USABLE_NORMS[0]) & (norms < USABLE_NORMS[1]))  # true for a NaN too
    if bad.any():
        raise ValueError(f"point {points[int(bad.argmax())].id} of {collection.name} is zero or not finite")
    rows /= norms.astype(np.float32)[:, None]
    return rows


def unit_query(collection: Collection, vector: Vectors) -> list[float]:
    """Return a query vector of unit length. Raises ValueError on a wrong shape, a zero or a NaN."""
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
class Bounds:
    """Bounds of a numeric comparison; None is open."""

    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


def interval(comparison: Comparison, value: float) -> Bounds:
    """Return the interval that ``comparison`` with ``value`` means.

    On integer fields the bounds become whole and closed, because an engine's integer index cuts the
    fraction off: ``age < 64.5`` would lose the 64-year-olds.
    """
    whole = FIELDS[comparison.field] is int
    match comparison.op:
        case "<":
            return Bounds(lte=math.ceil(value) - 1) if whole else Bounds(lt=value)
        case "<=":
            return Bounds(lte=math.floor(value) if whole else value)
        case ">":
            return Bounds(gte=math.floor(value) + 1) if whole else Bounds(gt=value)
        case ">=":
            return Bounds(gte=math.ceil(value) if whole else value)
        case _:  # "=", and each value of "in"; a fraction on an integer field gives an empty interval
            return Bounds(gte=math.ceil(value), lte=math.floor(value)) if whole else Bounds(gte=value, lte=value)
