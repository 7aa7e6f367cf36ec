"""A score with its 95 % interval as a cell of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echosearch.insight.intervals import Interval

__all__ = ["interval_cell"]


def interval_cell(interval: Interval | None, times: float = 1.0, digits: int = 3) -> str | None:
    """Return "value (low-high)"; None for a score that is not known."""
    if interval is None:
        return None
    low, value, high = (f"{times * x:.{digits}f}" for x in (interval.low, interval.value, interval.high))
    return f"{value} ({low}-{high})"
