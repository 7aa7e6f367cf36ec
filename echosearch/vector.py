"""Vectors: raw encoder outputs (N, D) float32, their bytes in Postgres, their means and norms."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Vectors", "from_bytes", "is_usable", "mean_vector", "to_bytes", "unit", "vector_hash"]

Vectors = NDArray[np.float32]


def unit(vectors: Vectors) -> Vectors:
    """Scale rows to length 1, any leading shape. Raises ValueError on a zero or non-finite row."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        raise ValueError("a zero or non-finite vector has no direction")
    return np.asarray(vectors / norms, dtype=np.float32)


def is_usable(vector: Vectors) -> bool:
    """Return True if cosine search can take the vector: finite and not zero (Qdrant itself accepts all zeros)."""
    return bool(np.isfinite(vector).all() and np.linalg.norm(vector) > 1e-6)


def mean_vector(rows: Sequence[Vectors]) -> Vectors:
    """Return the mean of raw outputs, (D,) float32, summed in float64: Algorithm 1 of the paper (mean, then cosine).

    The caller fixes the order of the rows, so that the same set gives the same bits.
    """
    if not rows:
        raise ValueError("the mean of no vectors")
    return np.asarray(np.stack(rows).astype(np.float64).mean(axis=0), dtype=np.float32)


def to_bytes(vector: Vectors) -> bytes:
    """Return little-endian float32 bytes, as Postgres holds them."""
    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


def from_bytes(data: bytes) -> Vectors:
    """Return (D,) float32, the inverse of to_bytes."""
    return np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)


def vector_hash(data: bytes) -> str:
    """Return a short hash of a stored vector. The index payload has it, so that verify can compare."""
    return hashlib.sha256(data).hexdigest()[:16]
