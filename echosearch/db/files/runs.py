"""What the last ingest was: when it ran, and how fast each part of it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

__all__ = ["LastRun", "RunRates", "last_run", "run_rates"]

SAMPLE = 10_000  # files whose sizes are looked at


@dataclass(frozen=True)
class LastRun:
    """The newest ingest. ``finished_at`` is None while it runs, and where it was killed."""

    started_at: str
    finished_at: str | None
    new_videos: int
    quarantined: int
    seconds: float | None
    stage_seconds: dict[str, float]


@dataclass(frozen=True)
class RunRates:
    """The largest run of those that are kept, and what it spent. Zero or "" where an older version kept nothing."""

    videos: int
    seconds: float
    workers: int
    on_gpu: bool
    bottleneck: str
    encode_seconds: float
    write_seconds: float
    mean_bytes: float


def last_run(connection: Connection) -> LastRun | None:
    """Return the newest ingest, None if there was none."""
    row = connection.execute(
        text("select started_at, finished_at, summary from core.ingest_run order by id desc limit 1")
    ).one_or_none()
    if row is None:
        return None
    kept: dict[str, Any] = row.summary or {}
    return LastRun(
        started_at=row.started_at.isoformat(),
        finished_at=row.finished_at.isoformat() if row.finished_at else None,
        new_videos=kept.get("new_videos", 0),
        quarantined=kept.get("quarantined", 0),
        seconds=kept.get("seconds"),
        stage_seconds=kept.get("stage_seconds", {}),
    )


def run_rates(connection: Connection) -> RunRates | None:
    """Return the rates of the run of the last hundred that embedded most videos, None if none did."""
    row = connection.execute(
        text(
            "select summary from (select summary from core.ingest_run where summary is not null order by id desc"
            " limit 100) kept order by cast(summary->>'new_videos' as bigint) desc nulls last limit 1"
        )
    ).one_or_none()
    if row is None or not row.summary.get("new_videos"):
        return None
    kept: dict[str, Any] = row.summary
    stages: dict[str, float] = kept.get("stage_seconds", {})
    sizes = f"select avg(size) from (select size from core.source_file where state = 'indexed' limit {SAMPLE}) s"
    return RunRates(
        videos=kept["new_videos"],
        seconds=kept.get("seconds", 0.0),
        workers=kept.get("workers", 0),
        on_gpu=kept.get("on_gpu", False),
        bottleneck=kept.get("bottleneck", ""),
        encode_seconds=stages.get("encode", 0.0),
        write_seconds=stages.get("write", 0.0),
        mean_bytes=float(connection.scalar(text(sizes)) or 0.0),
    )
