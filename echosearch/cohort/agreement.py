"""How far two readers agree, and how right a cohort is: Cohen's kappa and precision, each with its 95 % interval.

kappa = (observed - expected) / (1 - expected), its standard error after Fleiss, Cohen and Everitt (1969); precision
with the interval of Wilson (1927).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Agreement", "Share", "agreement", "wilson"]

Z = 1.959963984540054  # of 95 %


@dataclass(frozen=True)
class Share:
    """A share of ``of``, with its interval; None where there is nothing to count."""

    share: float | None
    low: float | None
    high: float | None
    count: int
    of: int


@dataclass(frozen=True)
class Agreement:
    """Of two readers, on the studies that both answered."""

    one: str
    other: str
    studies: int
    agreed: int
    kappa: float | None  # None: no study, or both gave one answer always
    low: float | None
    high: float | None


def wilson(count: int, of: int) -> Share:
    """Return the share and its Wilson interval."""
    if not of:
        return Share(None, None, None, 0, 0)
    p, square = count / of, Z * Z
    centre = (p + square / (2 * of)) / (1 + square / of)
    half = Z / (1 + square / of) * math.sqrt(p * (1 - p) / of + square / (4 * of * of))
    return Share(p, max(0.0, centre - half), min(1.0, centre + half), count, of)


def agreement(one: str, other: str, answers: Sequence[tuple[str, str]]) -> Agreement:
    """Measure how far pairs of answers about the same studies agree."""
    n = len(answers)
    agreed = sum(a == b for a, b in answers)
    kappa, error = _kappa(answers) if n else (None, None)
    if kappa is None or error is None:
        return Agreement(one, other, n, agreed, None, None, None)
    return Agreement(one, other, n, agreed, kappa, max(-1.0, kappa - Z * error), min(1.0, kappa + Z * error))


def _kappa(answers: Sequence[tuple[str, str]]) -> tuple[float | None, float | None]:
    """Kappa and its standard error."""
    n = len(answers)
    cells = Counter(answers)
    names = sorted({name for pair in answers for name in pair})
    rows = {name: sum(cells[name, other] for other in names) / n for name in names}
    columns = {name: sum(cells[other, name] for other in names) / n for name in names}
    observed = sum(cells[name, name] for name in names) / n
    expected = sum(rows[name] * columns[name] for name in names)
    if expected == 1:
        return None, None
    kappa = (observed - expected) / (1 - expected)
    on = sum(cells[i, i] / n * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in names)
    off = sum(cells[i, j] / n * (columns[i] + rows[j]) ** 2 for i in names for j in names if i != j)
    spread = on + (1 - kappa) ** 2 * off - (kappa - expected * (1 - kappa)) ** 2
    return kappa, math.sqrt(max(spread, 0.0) / n) / (1 - expected)
