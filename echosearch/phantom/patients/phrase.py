"""A statement of a report, and the findings that it is about."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Phrase"]


@dataclass(frozen=True)
class Phrase:
    """One statement and the findings (columns of truth.csv) that it is about; none for an incidental remark."""

    text: str
    about: tuple[str, ...] = ()
