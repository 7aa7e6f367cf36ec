"""The studies that training and evaluation work on, with their videos and reports, from any source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from echosearch.phantom.patients.history import PhantomStudy
from echosearch.video import View

__all__ = ["NO_PHRASE", "NO_VIEW", "Drawn", "Study", "Truth", "Video", "studies_fingerprint"]

NO_VIEW = -1  # number of the view of a video whose view is not known
NO_PHRASE = -1  # fills the rows of phrase numbers that are shorter than the longest


@dataclass(frozen=True)
class Drawn:
    """A cine that is drawn when it is needed."""

    study: PhantomStudy = field(repr=False)
    view: str
    color: bool
    take: int = 0  # of a hard phantom, whose views are taken more than once


@dataclass(frozen=True)
class Truth:
    """A study's row of a phantom's truth.csv."""

    ef: float
    grades: Mapping[str, int]


@dataclass(frozen=True)
class Video:
    """One cine. ``key`` names its clip in the cache: a pseudonym, or the phantom's own name of it."""

    key: str
    view: View | None
    view_prob: float
    source: Path | Drawn = field(repr=False)
    color: bool = False


@dataclass(frozen=True)
class Study:
    """One examination: its report and its videos. Keys are pseudonyms, or a phantom's, whose patients do not exist."""

    key: str
    patient: str
    report: str = field(repr=False)
    videos: tuple[Video, ...]
    study_date: date | None = field(default=None, repr=False)
    truth: Truth | None = None
    vendor: str | None = None  # of the machine; None if not known
    # of a phantom drawn in memory, what its patient is called where `phantom write` has written it: it is one patient
    also_patient: str = ""

    def of_views(self, views: Sequence[View], min_view_prob: float) -> tuple[Video, ...]:
        """Return the videos of these views that pass the gate; all of them if no view is known."""
        if all(video.view is None for video in self.videos):
            return self.videos
        return tuple(v for v in self.videos if v.view in views and v.view_prob >= min_view_prob)


def studies_fingerprint(studies: Sequence[Study]) -> str:
    """Return 16 hex digits that identify these studies, videos and reports."""
    digest = hashlib.sha256()
    for study in studies:
        for part in (study.key, study.patient, study.report, *(video.key for video in study.videos)):
            digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]
