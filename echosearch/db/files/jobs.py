"""Jobs: an ingest, or a re-embedding, that many workers share. They claim, decode and write; its driver does the rest.

    begun -> walked (all files are registered, or all ranges of studies) -> finished (nothing is due or claimed: the
    driver does the rest alone)

A driver that died is started again with the same command, which goes on with the same job.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, text

from echosearch.db.files.sight import Sight

__all__ = [
    "WITNESSES",
    "JobKind",
    "JobProgress",
    "JobState",
    "JobTerms",
    "OpenJob",
    "OpenRun",
    "begin_job",
    "finish_job",
    "job_progress",
    "job_sight",
    "job_state",
    "job_terms",
    "note_walked",
    "open_jobs",
    "worked_elsewhere",
]

WITNESSES = 8  # files of the export, by which a machine knows that it sees it
_CLAIMABLE = "claimed_by is null and state in ('registered', 'admitted')"  # as the index ix_source_file_claimable


JobKind = Literal["ingest", "reembed"]


@dataclass(frozen=True)
class JobTerms:
    """What a job is, and what its driver has asked of every machine."""

    kind: JobKind
    encoder_id: int  # whose vectors are made
    options: dict[str, Any]


@dataclass(frozen=True)
class JobState:
    """Whether a job goes on."""

    walked: bool
    finished: bool
    due: bool  # a file, or a range of studies, is free or claimed by some run
    driven: bool  # its driver lives
    worked: bool  # a worker lives


@dataclass(frozen=True)
class JobProgress:
    """What the workers of a job have done."""

    files: int  # whose outcome is known
    new_videos: int
    encoder_batches: int


@dataclass(frozen=True)
class OpenRun:
    """A worker or driver with a lease that is not over, and what it has done."""

    run: int
    host: str
    drives: bool
    heartbeat_seconds: float  # since it was heard of last
    lease_seconds: float  # until its lease is over
    files: int
    new_videos: int
    stage: str  # where most of its time has gone


@dataclass(frozen=True)
class OpenJob:
    """A job that is not finished, or whose driver does the rest, and who works at it."""

    job: int
    kind: JobKind
    started: str  # ISO 8601, UTC
    walked: bool
    runs: tuple[OpenRun, ...]


def begin_job(
    connection: Connection,
    encoder_id: int,
    options: Mapping[str, object],
    root: Path,
    witnesses: Sequence[Path],
    kind: JobKind = "ingest",
) -> int:
    """Return a new job, or the unfinished one of the same folder and options; any other is closed.

    The caller holds the driver lock, so no other driver lives.
    """
    given = {"root": os.fsencode(root), "options": json.dumps(options), "encoder": encoder_id, "kind": kind}
    job = connection.scalar(
        text(
            "select j.id from core.job j join phi.job p on p.job_id = j.id where j.finished_at is null"
            " and p.root = :root and j.options = cast(:options as jsonb) and j.encoder_id = :encoder"
            " and j.kind = :kind order by j.id desc limit 1"
        ),
        given,
    )
    if job is None:
        job = connection.scalar(
            text(
                "insert into core.job (encoder_id, kind, options) values (:encoder, :kind, cast(:options as jsonb))"
                " returning id"
            ),
            given,
        )
        connection.execute(
            text("insert into phi.job (job_id, root, witnesses) values (:job, :root, '{}')"), {**given, "job": job}
        )
    seen = [os.fsencode(path) for path in witnesses[:WITNESSES]]
    connection.execute(text("update phi.job set witnesses = :seen where job_id = :job"), {"seen": seen, "job": job})
    # files may have come since an ingest was walked; what is left of a re-embedding its ranges tell
    connection.execute(text("update core.job set walked_at = null where id = :job and kind = 'ingest'"), {"job": job})
    connection.execute(
        text("update core.job set finished_at = now() where finished_at is null and id <> :job"), {"job": job}
    )
    connection.execute(text("delete from core.study_range where job <> :job"), {"job": job})  # of one that was given up
    return int(job)


def job_terms(connection: Connection, job: int) -> JobTerms | None:
    """Return the terms of a job, None if there is no such job."""
    query = text("select kind, encoder_id, options from core.job where id = :job")
    row = connection.execute(query, {"job": job}).first()
    return None if row is None else JobTerms(**row._mapping)


def job_sight(connection: Connection, job: int) -> Sight:
    """Return the folder of a job, and the files by which a machine knows that it sees it."""
    row = connection.execute(text("select root, witnesses from phi.job where job_id = :job"), {"job": job}).one()
    return Sight(Path(os.fsdecode(row.root)), tuple(Path(os.fsdecode(one)) for one in row.witnesses))


def job_state(connection: Connection, job: int) -> JobState:
    """Return whether a job goes on: looks into indexes of what is free and what is claimed."""
    alive = "from core.ingest_run r where r.job = :job and r.finished_at is null and r.lease_until > clock_timestamp()"
    row = connection.execute(
        text(
            "select j.walked_at is not null as walked, j.finished_at is not null as finished,"
            f" exists (select from core.source_file f where f.job = :job and {_CLAIMABLE})"
            " or exists (select from core.source_file f where f.claimed_by is not null and f.job = :job)"
            " or exists (select from core.study_range where claimed_by is null and job = :job)"
            " or exists (select from core.study_range where claimed_by is not null and job = :job) as due,"
            f" exists (select {alive} and r.drives) as driven, exists (select {alive} and not r.drives) as worked"
            " from core.job j where j.id = :job"
        ),
        {"job": job},
    ).one()
    return JobState(row.walked, row.finished, row.due, row.driven, row.worked)


def worked_elsewhere(connection: Connection, job: int) -> bool:
    """Return whether a worker of another job has a lease that is not over: closed or not, it may still write."""
    query = text(
        "select exists (select from core.ingest_run where job is not null and job <> :job and finished_at is null"
        " and lease_until > clock_timestamp())"
    )
    return bool(connection.scalar(query, {"job": job}))


def job_progress(connection: Connection, job: int) -> JobProgress:
    """Return what a job's workers have done, as of their last heartbeats."""
    row = connection.execute(
        text(
            "select coalesce(sum(cast(summary ->> 'files' as bigint)), 0) as files,"
            " coalesce(sum(cast(summary ->> 'new_videos' as bigint)), 0) as new_videos,"
            " coalesce(sum(cast(summary ->> 'encoder_batches' as bigint)), 0) as encoder_batches"
            " from core.ingest_run where job = :job and not drives"
        ),
        {"job": job},
    ).one()
    return JobProgress(int(row.files), int(row.new_videos), int(row.encoder_batches))


def note_walked(connection: Connection, job: int) -> None:
    connection.execute(text("update core.job set walked_at = now() where id = :job"), {"job": job})


def finish_job(connection: Connection, job: int) -> None:
    """Close a job: its workers end when they next ask."""
    connection.execute(text("update core.job set finished_at = now() where id = :job"), {"job": job})


def open_jobs(connection: Connection) -> list[OpenJob]:
    """Return the jobs that are not finished, and the runs whose lease is not over. Nothing of phi."""
    jobs = connection.execute(
        text(
            "select id, kind, walked_at is not null as walked,"
            " to_char(started_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as started"
            " from core.job j where finished_at is null or exists (select from core.ingest_run r where r.job = j.id"
            " and r.finished_at is null and r.lease_until > clock_timestamp()) order by id"
        )
    ).all()
    runs = connection.execute(
        text(
            "select r.id, r.job, coalesce(r.host, '') as host, r.drives, coalesce(r.summary, '{}') as summary,"
            " cast(extract(epoch from r.lease_until - clock_timestamp()) as float8) as lease,"
            " cast(coalesce(r.summary ->> 'lease_seconds', '60') as float8) as whole"
            " from core.ingest_run r where r.job is not null"
            " and r.finished_at is null and r.lease_until > clock_timestamp() order by r.id"
        )
    ).all()
    by_job: dict[int, list[OpenRun]] = {}
    for row in runs:
        done = row.summary
        by_job.setdefault(row.job, []).append(
            OpenRun(
                row.id,
                row.host,
                row.drives,
                round(max(row.whole - row.lease, 0.0), 1),
                round(row.lease, 1),
                int(done.get("files", 0)),
                int(done.get("new_videos", 0)),
                str(done.get("stage", "")),
            )
        )
    return [OpenJob(row.id, row.kind, row.started, row.walked, tuple(by_job.get(row.id, ()))) for row in jobs]
