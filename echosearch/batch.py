"""Batches of an iterable (itertools.batched came with Python 3.12; 3.11 is supported)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["batched"]

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of ``size`` items, the last one shorter; pull no more than one batch ahead of the consumer."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
