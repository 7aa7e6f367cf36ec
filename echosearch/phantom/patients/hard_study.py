"""What a study of the hard level has beside an easy one's: a truth that is richer, and a reader who may not say it."""

from __future__ import annotations

from dataclasses import dataclass

from echosearch.phantom.heart.features import Features
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.heart.rhythm import Rhythm

__all__ = ["HardStudy"]


@dataclass(frozen=True)
class HardStudy:
    """``read`` and ``unsaid`` are the report's, all else is the heart's and the examination's."""

    normal: bool  # no finding is mild or more
    features: Features
    rhythm: Rhythm
    window: float  # how well sound goes in: 0 poor, 1 good
    clips: int  # of the study
    reader: int  # of READERS
    read: Findings  # as this reader grades them
    unsaid: frozenset[str]  # findings (columns of truth.csv) that the report is silent about
    only_unchanged: bool  # the report says no more than 著変なし, and perhaps the EF
    recovered: float = 0.0  # points of EF gained since the study before
