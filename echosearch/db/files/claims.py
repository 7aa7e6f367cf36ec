"""Files of a job: the driver registers them, workers claim those that are free, each machine its own.

A plain ingest's ``ledger.claim`` takes a file whoever had it, for no other run lives beside it. Here a file with a
claimant is never touched, and an outcome is never undone by a claim.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, and_, case, func, or_, text
from sqlalchemy.dialects.postgresql import insert as upsert

from echosearch.db.files.measurements import forget_measurements
from echosearch.db.schema.tables import PhiSourcePath, SourceFile
from echosearch.outcome import FileState
from echosearch.pseudonyms import Keyring
from echosearch.source_file import Claimed, FoundFile

__all__ = ["claim_next", "note_stamps", "register", "return_claims"]


def register(connection: Connection, keyring: Keyring, job: int, files: Sequence[FoundFile]) -> None:
    """Make new, changed and unfinished files claimable by the workers of a job.

    A file that a run has claimed stays as it is, but for its job: if the claim is taken back, this job has it.
    """
    by_key = {keyring.path(found.path): found for found in files}
    if not by_key:
        return
    new = upsert(SourceFile).values(
        [{"path_key": key, "size": found.size, "mtime_ns": found.mtime_ns, "job": job} for key, found in by_key.items()]
    )
    free = SourceFile.claimed_by.is_(None)
    changed = or_(SourceFile.size != new.excluded.size, SourceFile.mtime_ns != new.excluded.mtime_ns)
    anew = and_(free, or_(changed, SourceFile.reason.is_not(None)))
    rows = connection.execute(
        new.on_conflict_do_update(
            index_elements=[SourceFile.path_key],
            set_={
                "size": case((free, new.excluded.size), else_=SourceFile.size),
                "mtime_ns": case((free, new.excluded.mtime_ns), else_=SourceFile.mtime_ns),
                "state": case((free, FileState.REGISTERED.value), else_=SourceFile.state),
                "reason": case((free, None), else_=SourceFile.reason),
                "detail": case((free, None), else_=SourceFile.detail),
                "attempts": case((anew, 0), else_=SourceFile.attempts),
                "job": job,
                "updated_at": func.now(),
            },
        ).returning(SourceFile.id, SourceFile.path_key)
    ).all()
    connection.execute(
        upsert(PhiSourcePath)
        .values([{"file_id": row.id, "path": os.fsencode(by_key[row.path_key].path)} for row in rows])
        .on_conflict_do_nothing()
    )


def claim_next(connection: Connection, run_id: int, job: int, limit: int) -> list[Claimed]:
    """Claim up to ``limit`` free files of a job, the lowest ids first; none if nothing is free or the job is over.

    Commit before any worker sees them. Each has been found with the size and time of its row.
    """
    rows = connection.execute(
        text(
            "with mine as (select id from core.source_file where job = :job and claimed_by is null"
            " and state in ('registered', 'admitted')"
            " and exists (select from core.job j where j.id = :job and j.finished_at is null)"
            " order by id limit :limit for update skip locked)"
            " update core.source_file f set claimed_by = :run, attempts = f.attempts + 1, updated_at = now()"
            " from mine join phi.source_path p on p.file_id = mine.id where f.id = mine.id"
            " returning f.id, p.path, f.size, f.mtime_ns, cast(f.path_key as text) as path_key, f.attempts"
        ),
        {"run": run_id, "job": job, "limit": limit},
    ).all()
    forget_measurements(connection, [row.id for row in rows])
    return [
        Claimed(row.id, FoundFile(Path(os.fsdecode(row.path)), row.size, row.mtime_ns), row.path_key, row.attempts)
        for row in sorted(rows, key=lambda row: row.id)
    ]


def note_stamps(connection: Connection, changed: Sequence[Claimed]) -> None:
    """Note size and time of claimed files that have changed since they were registered: new content, new chances."""
    if changed:
        connection.execute(
            text(
                "update core.source_file f set size = n.size, mtime_ns = n.mtime_ns, attempts = 1"
                " from unnest(cast(:ids as bigint[]), cast(:sizes as bigint[]), cast(:times as bigint[]))"
                " as n(id, size, mtime_ns) where f.id = n.id"
            ),
            {
                "ids": [one.id for one in changed],
                "sizes": [one.file.size for one in changed],
                "times": [one.file.mtime_ns for one in changed],
            },
        )


def return_claims(connection: Connection, file_ids: Sequence[int]) -> None:
    """Give up claims of files that cannot be seen now: they wait for a later ingest, and no worker claims them."""
    if file_ids:
        connection.execute(
            text(
                "update core.source_file set claimed_by = null, job = null, attempts = greatest(attempts - 1, 0)"
                " where id = any(cast(:ids as bigint[]))"
            ),
            {"ids": list(file_ids)},
        )
