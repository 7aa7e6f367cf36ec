"""Training pairs: for every study with a served report, the report and the paths of its indexed videos."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, text

__all__ = ["PairVideo", "TrainingPair", "training_pairs"]


@dataclass(frozen=True)
class PairVideo:
    """One indexed cine of a pair."""

    video_key: str
    view: str | None
    view_prob: float | None
    mode: str
    path: Path = field(repr=False)


@dataclass(frozen=True)
class TrainingPair:
    """A study's report and its videos. Its repr shows neither."""

    study_key: str
    patient_key: str
    study_date: date | None = field(repr=False)
    report: str = field(repr=False)
    videos: tuple[PairVideo, ...] = field(repr=False)


def training_pairs(connection: Connection) -> list[TrainingPair]:
    """Return the pairs, ordered by key: of several report versions the last; without studies in conflict."""
    videos: dict[str, list[PairVideo]] = defaultdict(list)
    for row in connection.execute(
        text(
            "select cast(v.study_key as text) as study_key, cast(v.video_key as text) as video_key,"
            " v.view, v.view_prob, v.mode, p.path from core.video v"
            " join (select video_key, min(id) as id from core.source_file where state = 'indexed' group by video_key) f"
            " using (video_key) join phi.source_path p on p.file_id = f.id order by v.video_key"
        )
    ):
        path = Path(os.fsdecode(bytes(row.path)))
        videos[row.study_key].append(PairVideo(row.video_key, row.view, row.view_prob, row.mode, path))
    reports = connection.execute(
        text(
            "select distinct on (r.study_key) cast(r.study_key as text) as study_key,"
            " cast(s.patient_key as text) as patient_key, i.study_date, p.text"
            " from core.report r join core.study s using (study_key) join phi.report p using (report_key)"
            " join phi.study i on i.study_key = s.study_key"
            " where not s.conflict order by r.study_key, r.seq desc"
        )
    )
    return [
        TrainingPair(row.study_key, row.patient_key, row.study_date, row.text, tuple(videos[row.study_key]))
        for row in reports
        if videos[row.study_key]
    ]
