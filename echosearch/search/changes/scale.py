"""The scale of a change: how much a score differs between two studies of a patient whose reports say no change.

The sample is the first PAIRS pairs by key, which is a random one. Of those, a concept's own are the pairs whose two
reports say the same of it; where they are fewer than ENOUGH, all pairs are the scale, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.db.files.measurements import measurements_of
from echosearch.db.questions.fact_conditions import NARROWER
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.visit_pairs import VisitPair, pairs_after
from echosearch.outcome import MeasuredValue
from echosearch.report.facts import Fact
from echosearch.search.changes.amount import Amount
from echosearch.search.study_hits import Searching

__all__ = ["ENOUGH", "PAIRS", "ChangeScale", "Told", "change_scales", "differences", "told_of"]

Scores = NDArray[np.float64]
PAIRS = 2000
ENOUGH = 25  # unchanged pairs that a scale needs
_SAME_SHARE, _SAME_EF = 0.1, 5.0  # values that differ by no more are no change: a share, and points of EF
_NORMAL = 1.4826  # a median absolute deviation of a normal distribution times this is its standard deviation


@dataclass(frozen=True)
class Told:
    """What a study's report and structured reports say of one concept."""

    facts: tuple[Fact, ...] = ()
    measurements: tuple[MeasuredValue, ...] = ()
    has_report: bool = False

    @property
    def values(self) -> list[float]:
        """Of the report, or else of the structured reports."""
        said = [fact.value for fact in self.facts if fact.polarity == "present" and fact.value is not None]
        return said or [one.value for one in self.measurements]


@dataclass(frozen=True)
class ChangeScale:
    """The differences of unchanged pairs, in order; ``of``: whose they are."""

    differences: Scores = field(repr=False)
    of: Literal["unchanged pairs", "all pairs"]

    @property
    def pairs(self) -> int:
        return len(self.differences)

    @property
    def spread(self) -> tuple[float, float]:
        """Median and robust standard deviation."""
        middle = float(np.median(self.differences))
        return middle, float(np.median(np.abs(self.differences - middle))) * _NORMAL + 1e-9

    def z(self, difference: float) -> float | None:
        if self.pairs < 2:
            return None
        middle, spread = self.spread
        return (difference - middle) / spread

    def percentile(self, difference: float) -> float | None:
        """Return the share of the scale's pairs that differ by less; None without a pair."""
        if not self.pairs:
            return None
        return float(np.searchsorted(self.differences, difference, side="left")) / self.pairs


def differences(amount: Amount, pairs: Sequence[VisitPair]) -> Scores:
    """Return (N,): the amount of the later study less that of the earlier."""
    if not pairs:
        return np.zeros(0)
    return amount(np.stack([pair.vectors[1] for pair in pairs])) - amount(np.stack([pair.vectors[0] for pair in pairs]))


def change_scales(search: Searching, asked: Mapping[str, Amount]) -> dict[str, ChangeScale]:
    """Return the scale of each concept."""
    pairs = pairs_after(search.connection, search.encoder_id, None, PAIRS)
    studies = [study for pair in pairs for study in (pair.earlier, pair.later)]
    facts, measured = facts_of(search.connection, studies), measurements_of(search.connection, studies)
    scales = {}
    for concept, amount in asked.items():
        found = differences(amount, pairs)
        same = np.array(
            [
                _is_unchanged(
                    told_of(concept, pair.earlier, facts, measured), told_of(concept, pair.later, facts, measured)
                )
                for pair in pairs
            ],
            dtype=bool,
        )
        enough = bool(same.sum() >= ENOUGH)
        scales[concept] = ChangeScale(
            np.sort(found[same] if enough else found), "unchanged pairs" if enough else "all pairs"
        )
    return scales


def told_of(
    concept: str, study: str, facts: Mapping[str, Sequence[Fact]], measured: Mapping[str, Sequence[MeasuredValue]]
) -> Told:
    """Return what is said of a concept, and of what states it too, in a study."""
    concepts = {concept, *NARROWER.get(concept, ())}
    own = facts.get(study, ())
    return Told(
        tuple(fact for fact in own if fact.concept in concepts),
        tuple(one for one in measured.get(study, ()) if one.concept == concept),
        bool(own),
    )


def _is_unchanged(before: Told, now: Told) -> bool:
    """Both reports say the same of it, or both say nothing; values differ by little."""
    if before.values and now.values:
        one, two = float(np.mean(before.values)), float(np.mean(now.values))
        ef = any(fact.concept == "lvef" for fact in now.facts) or any(m.concept == "lvef" for m in now.measurements)
        return abs(one - two) <= (_SAME_EF if ef else _SAME_SHARE * abs(one))
    if not before.has_report or not now.has_report:
        return False
    return _state(before) == _state(now)


def _state(told: Told) -> frozenset[tuple[str, str, tuple[int, int] | None]]:
    return frozenset((fact.concept, fact.polarity, fact.severity) for fact in told.facts if fact.value is None)
