"""How many of the best hits a search finds, and how fast: stored vectors as queries, against exact comparison."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from echosearch.archive import Archive
from echosearch.db.upkeep.sample import sample_points
from echosearch.db.vectors.generation import active_encoder, register_encoder
from echosearch.db.vectors.points import PointRow
from echosearch.errors import EmptyArchive
from echosearch.filters import And, Comparison, Field, Where
from echosearch.index.base import KINDS, Collection, Scored
from echosearch.vector import Vectors, from_bytes

__all__ = ["RECALL_AIM", "RECALL_AT", "Condition", "Recall", "measure_recall", "occurring_conditions"]

T = TypeVar("T")
RECALL_AT = 10
RECALL_AIM = 0.99
SHARES = (0.5, 0.17, 0.08, 0.05, 0.01, 0.001)  # what conditions leave of an archive
SAMPLE = 20_000  # points whose attributes say which conditions occur
WARM_UP = 3
SAME_SCORE = 1e-5  # of two searches of one point
MOST_VALUES = 60  # of one field, evenly chosen
WORDS: tuple[Field, ...] = ("view", "mode", "sex", "device")
NUMBERS: tuple[Field, ...] = ("age", "month")


@dataclass(frozen=True)
class Condition:
    """A condition as a user writes it, and the share of the sample that meets it."""

    text: str
    where: Where
    share: float


@dataclass(frozen=True)
class Recall:
    """What searches of one collection with one condition ("" for none) found of the ``RECALL_AT`` best."""

    collection: str
    condition: str
    share: float
    queries: int
    recall: float
    p50_ms: float
    p99_ms: float
    exact_p50_ms: float

    @property
    def fine(self) -> bool:
        return self.recall >= RECALL_AIM


def measure_recall(archive: Archive, queries: int) -> Iterator[Recall]:
    """Search each collection with ``queries`` of its own vectors, without and with conditions that occur.

    Raises EmptyArchive, ArchiveLocked, StoreUnreachable.
    """
    with archive.engine.begin() as connection:
        encoder = active_encoder(connection)
        if encoder is None:
            raise EmptyArchive("there is nothing to search: run echosearch ingest FOLDER first")
        encoder_id = register_encoder(connection, encoder)
        asked = {kind: sample_points(connection, encoder_id, kind, queries, vectors=True) for kind in KINDS}
        about = {kind: sample_points(connection, encoder_id, kind, SAMPLE, vectors=False) for kind in KINDS}
    for kind in KINDS:
        collection = archive.collection(kind, encoder)
        vectors = [(row.key, from_bytes(row.vector)) for row in asked[kind] if row.vector is not None]
        if vectors:
            yield _measure(archive, collection, vectors, None)
            for condition in occurring_conditions(about[kind]):
                yield _measure(archive, collection, vectors, condition)


def _measure(
    archive: Archive, collection: Collection, vectors: Sequence[tuple[str, Vectors]], condition: Condition | None
) -> Recall:
    where = condition.where if condition else None
    for _, vector in vectors[:WARM_UP]:
        archive.index.search(collection, vector, RECALL_AT + 1, where)
    seconds: list[float] = []
    exact_seconds: list[float] = []
    found = best = 0
    for key, vector in vectors:
        began = time.perf_counter()
        hits = archive.index.search(collection, vector, RECALL_AT + 1, where)
        asked_exactly = time.perf_counter()
        truth = _others(archive.index.search(collection, vector, RECALL_AT + 1, where, exact=True), key)
        seconds.append(asked_exactly - began)
        exact_seconds.append(time.perf_counter() - asked_exactly)
        if truth:
            found += sum(hit.score >= truth[-1].score - SAME_SCORE for hit in _others(hits, key))
            best += len(truth)
    p50, p99 = np.percentile(np.array(seconds) * 1000, [50, 99])
    return Recall(
        collection=collection.kind,
        condition=condition.text if condition else "",
        share=condition.share if condition else 1.0,
        queries=len(vectors),
        recall=min(1.0, found / best) if best else 1.0,
        p50_ms=float(p50),
        p99_ms=float(p99),
        exact_p50_ms=float(np.median(exact_seconds)) * 1000,
    )


def _others(hits: Sequence[Scored], key: str) -> list[Scored]:
    """Return the best without the query itself, which every search finds."""
    return [hit for hit in hits if hit.key != key][:RECALL_AT]


def occurring_conditions(rows: Sequence[PointRow]) -> list[Condition]:
    """Return for each of ``SHARES`` the condition, and the pair of conditions, that leaves about as much of ``rows``.

    None where nothing comes within a factor of two.
    """
    singles = [single for single in _singles(rows) if single[1].any()]
    if not singles:
        return []
    met = np.array([mask for _, mask in singles], dtype=np.float32)
    both = met @ met.T / len(rows)  # the diagonal: one condition alone
    fields = np.array([comparison.field for comparison, _ in singles])
    both[(fields[:, None] == fields[None, :]) & ~np.eye(len(fields), dtype=bool)] = (
        0  # one field twice is one condition
    )
    chosen: dict[str, Condition] = {}
    alone = np.eye(len(singles), dtype=bool)
    for share in SHARES:
        for kind in (alone, np.triu(~alone)):
            shares = np.where(kind & (both > 0), both, np.inf)
            distance = np.abs(np.log(shares / share))
            i, j = np.unravel_index(int(distance.argmin()), distance.shape)
            if distance[i, j] <= math.log(2):
                parts = [singles[place][0] for place in sorted({int(i), int(j)})]
                text = " and ".join(map(_written, parts))
                where: Where = parts[0] if len(parts) == 1 else And(tuple(parts))
                chosen.setdefault(text, Condition(text, where, float(both[i, j])))
    return list(chosen.values())


def _singles(rows: Sequence[PointRow]) -> Iterator[tuple[Comparison, np.ndarray]]:
    for word in WORDS:
        values = [getattr(row, word) for row in rows]
        for value in _some(sorted({value for value in values if value is not None})):
            yield Comparison(word, "=", value), np.array([one == value for one in values])
    for number in NUMBERS:
        known = np.array([-1 if getattr(row, number) is None else getattr(row, number) for row in rows])
        for bound in _some(sorted({int(value) for value in known if value >= 0})):
            yield Comparison(number, ">=", bound), known >= bound


def _some(values: Sequence[T]) -> list[T]:
    """Return at most ``MOST_VALUES`` of them, evenly."""
    step = max(1, math.ceil(len(values) / MOST_VALUES))
    return list(values[::step])


def _written(comparison: Comparison) -> str:
    value = comparison.value
    if comparison.field == "month":
        return f"date {comparison.op} {int(str(value)) // 100:04d}-{int(str(value)) % 100:02d}"
    return f'device = "{value}"' if comparison.field == "device" else f"{comparison.field} {comparison.op} {value}"
