"""Attrition: patients, studies and videos that each step of a cohort leaves, and those that it drops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from echosearch.db.cohorts.counting import StepCounts

__all__ = ["AttritionStep", "Tally", "attrition_json", "attrition_of", "read_attrition", "suppressed"]


@dataclass(frozen=True)
class Tally:
    """Numbers of patients, studies and videos; None: suppressed, because it or a difference would be small."""

    patients: int | None
    studies: int | None
    videos: int | None


@dataclass(frozen=True)
class AttritionStep:
    """A step: what it asks, what is left behind it and what it dropped; kept + dropped = kept of the step before."""

    step: str
    kept: Tally
    dropped: Tally
    by_videos: int | None = 0  # of the studies kept: not stated by a report, likely by their videos


def attrition_of(names: Sequence[str], counts: Sequence[StepCounts]) -> tuple[AttritionStep, ...]:
    """Return (N + 1) names and counts, those of all studies first."""
    made = [AttritionStep(names[0], _tally(counts[0]), Tally(0, 0, 0), counts[0].by_videos)]
    for name, (before, after) in zip(names[1:], pairwise(counts), strict=True):
        dropped = Tally(
            before.kept.patients - after.kept.patients,
            before.kept.studies - after.kept.studies,
            before.kept.videos - after.kept.videos,
        )
        made.append(AttritionStep(name, _tally(after), dropped, after.by_videos))
    return tuple(made)


def _tally(counts: StepCounts) -> Tally:
    return Tally(counts.kept.patients, counts.kept.studies, counts.kept.videos)


def suppressed(steps: Sequence[AttritionStep], below: int) -> tuple[AttritionStep, ...]:
    """Remove small numbers: none that is shown, and no difference of two that are, is from 1 to ``below`` - 1.

    A number that a difference would give away is left out too; 0 is shown.
    """
    if below <= 1:
        return tuple(steps)
    columns = {
        name: _shown([getattr(one.kept, name) for one in steps], below) for name in ("patients", "studies", "videos")
    }
    made: list[AttritionStep] = []
    for place, one in enumerate(steps):
        kept = Tally(*(columns[name][place] for name in ("patients", "studies", "videos")))
        before = made[-1].kept if made else kept
        dropped = Tally(
            *(_less(getattr(before, name), getattr(kept, name)) for name in ("patients", "studies", "videos"))
        )
        studies, joined = kept.studies, one.by_videos
        safe = (
            studies is not None and joined is not None and all(n == 0 or n >= below for n in (joined, studies - joined))
        )
        made.append(AttritionStep(one.step, kept, dropped, joined if safe else None))
    return tuple(made)


def _shown(kept: Sequence[int | None], below: int) -> list[int | None]:
    """Numbers that fall from step to step: each is shown if it is 0 or ``below`` apart from the last one shown."""
    shown: list[int | None] = []
    last: int | None = None
    for number in kept:
        small = number is None or 0 < number < below
        near = last is not None and number is not None and 0 < last - number < below
        shown.append(None if small or near else number)
        last = last if shown[-1] is None else shown[-1]
    return shown


def _less(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else before - after


def attrition_json(steps: Sequence[AttritionStep]) -> list[dict[str, Any]]:
    return [asdict(one) for one in steps]


def read_attrition(stored: Sequence[dict[str, Any]]) -> tuple[AttritionStep, ...]:
    """Read what attrition_json made."""
    return tuple(
        AttritionStep(one["step"], Tally(**one["kept"]), Tally(**one["dropped"]), one["by_videos"]) for one in stored
    )
