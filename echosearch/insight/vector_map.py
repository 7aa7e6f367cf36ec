"""A map of the archive: study vectors of a sample on their first two principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from echosearch.archive import Archive
from echosearch.insight.sample import read_sample
from echosearch.report.facts import Fact
from echosearch.search.study_hits import searching
from echosearch.vector import Vectors, unit

__all__ = ["MAPPED", "MapPoint", "VectorMap", "principal", "vector_map"]

MAPPED = 2000  # studies


@dataclass(frozen=True)
class MapPoint:
    """A study. ``grades``: concept -> 0 to 4 where its report denies or grades it, 5 where it states it ungraded."""

    study: str
    x: float
    y: float
    device: str | None
    year: int | None
    grades: dict[str, int]


@dataclass(frozen=True)
class VectorMap:
    """Points, and the share of the variance that each of the two axes shows."""

    points: tuple[MapPoint, ...] = field(repr=False)
    shares: tuple[float, float]


def vector_map(archive: Archive, studies: int = MAPPED) -> VectorMap:
    """Project a random sample of the studies that the archive's viewer may see.

    Raises EmptyArchive, EncoderMismatch, NoEncoder.
    """
    with searching(archive) as search:
        sample = read_sample(search, studies)
    seen = [row for row, one in enumerate(sample.studies) if archive.viewer.sees(one.month, one.age, one.sex)]
    sample = sample.only(seen)
    places, shares = principal(unit(sample.vectors)) if seen else (np.zeros((0, 2)), (0.0, 0.0))
    points = [
        MapPoint(
            one.study, round(float(x), 4), round(float(y), 4), device, one.month and one.month // 100, _grades(facts)
        )
        for one, (x, y), device, facts in zip(sample.studies, places, sample.devices, sample.facts, strict=True)
    ]
    return VectorMap(tuple(points), shares)


def principal(vectors: Vectors) -> tuple[Vectors, tuple[float, float]]:
    """Return (N, 2) coordinates on the first two principal components of (N, D), and each one's share of the variance.

    A component's greatest weight is positive, so that the same vectors give the same map.
    """
    centred = vectors - vectors.mean(axis=0)
    spread, axes = np.linalg.eigh(centred.T @ centred)  # (D, D): its size does not depend on N
    first = axes[:, [-1, -2]]
    first = first * np.sign(first[np.abs(first).argmax(axis=0), [0, 1]])
    total = float(spread.sum()) or 1.0
    return centred @ first, (float(spread[-1]) / total, float(spread[-2]) / total)


def _grades(facts: Sequence[Fact]) -> dict[str, int]:
    found: dict[str, int] = {}
    for fact in facts:
        if fact.value is None and fact.polarity in ("present", "absent"):
            grade = 0 if fact.polarity == "absent" else fact.severity[1] if fact.severity else 5
            found[fact.concept] = max(found.get(fact.concept, 0), grade)
    return found
