"""The ledger of files: which were found, which are being worked on, and the outcome of each.

A file is claimed in a committed transaction before any worker touches it, so that a death is never forgotten:

    claim            attempts + 1, claimed_by = this run
    worker died      the claim stays; claimed again while attempts < 2, else quarantined
    run died         the next run releases the claim (leases.py): attempts - 1, orphaned + 1; at 25, quarantined
    outcome known    claimed_by = null
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    ARRAY,
    Connection,
    Engine,
    String,
    and_,
    any_,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from echosearch.db.files.leases import INGEST_LOCK, end_leases, held_alone, lock_writer, release_claims
from echosearch.db.files.measurements import forget_measurements
from echosearch.db.schema.base import Key
from echosearch.db.schema.tables import IngestRun, PhiRun, PhiSourcePath, SourceFile
from echosearch.outcome import FileState, Quarantined, Reason, Skipped
from echosearch.pseudonyms import Keyring
from echosearch.reading.file_kinds import NO_KNOWN_KIND
from echosearch.source_file import Claimed, FoundFile

__all__ = [
    "MAX_ATTEMPTS",
    "claim",
    "claim_again",
    "finish_run",
    "is_ingest_running",
    "note_videos",
    "release_duplicates",
    "settle",
    "single_ingest",
    "start_run",
    "states",
]

MAX_ATTEMPTS = 2  # worker deaths that a file may cost
UNREAD_REPORT = r"SOP class 1\.2\.840\.10008\.5\.1\.4\.1\.1\.88\.[0-9.]+"  # the whole detail; now it says more
_STATE = case(
    (
        and_(SourceFile.reason == str(Reason.NOT_A_CINE_CLASS), SourceFile.detail.regexp_match(f"^{UNREAD_REPORT}$")),
        "registered",
    ),
    (
        and_(SourceFile.reason == str(Reason.NOT_AN_IMAGE), SourceFile.detail.is_distinct_from(NO_KNOWN_KIND.detail)),
        "registered",
    ),
    else_=SourceFile.state,
).label("state")


@contextmanager
def single_ingest(engine: Engine) -> Iterator[None]:
    """Hold the archive's ingest lock alone, and end what others have left. Raises ArchiveLocked."""
    with held_alone(engine):
        with engine.begin() as connection:
            lock_writer(connection)  # a worker whose lock was lost with its session may be writing
            end_leases(connection)
        yield


def is_ingest_running(connection: Connection) -> bool:
    """Return whether an ingest, reembed or verify holds the archive's lock."""
    held = text(
        "select exists (select from pg_locks where locktype = 'advisory' and classid = 0 and objid = :lock and granted"
        " and database = (select oid from pg_database where datname = current_database()))"
    )
    return bool(connection.scalar(held, {"lock": INGEST_LOCK}))


def start_run(connection: Connection, encoder_id: int, root: Path) -> int:
    """Open a run of one process and release stale claims: it holds the ingest lock alone, so every claim is stale."""
    run_id = connection.execute(insert(IngestRun).values(encoder_id=encoder_id).returning(IngestRun.id)).scalar_one()
    connection.execute(insert(PhiRun).values(run_id=run_id, root=os.fsencode(root)))
    connection.execute(text("update core.job set finished_at = now() where finished_at is null"))  # it does their rest
    release_claims(connection)
    return run_id


def finish_run(connection: Connection, run_id: int, summary: dict[str, object]) -> None:
    connection.execute(update(IngestRun).where(IngestRun.id == run_id).values(finished_at=func.now(), summary=summary))


def states(connection: Connection, keyring: Keyring, files: Sequence[FoundFile]) -> dict[str, tuple[str, bool]]:
    """Return path key -> (state, whether size and time are unchanged), for those of ``files`` that are known.

    What an older version skipped unread is as good as registered: a structured report, whose measurements are missing,
    and a file of a kind that it did not know.
    """
    keys = {keyring.path(found.path): found for found in files}
    # one array: of a thousand parameters the driver and SQLAlchemy would make more work than PostgreSQL has
    known = SourceFile.path_key == any_(cast(literal("{" + ",".join(keys) + "}", String), ARRAY(Key)))
    rows = connection.execute(select(SourceFile.path_key, _STATE, SourceFile.size, SourceFile.mtime_ns).where(known))
    return {
        row.path_key: (row.state, (row.size, row.mtime_ns) == (keys[row.path_key].size, keys[row.path_key].mtime_ns))
        for row in rows
    }


def claim(connection: Connection, keyring: Keyring, run_id: int, files: Sequence[FoundFile]) -> list[Claimed]:
    """Claim new, changed or unfinished files, in their order. Commit before any worker sees them."""
    by_key = {keyring.path(found.path): found for found in files}
    new = upsert(SourceFile).values(
        [
            {"path_key": key, "size": found.size, "mtime_ns": found.mtime_ns, "attempts": 1, "claimed_by": run_id}
            for key, found in by_key.items()
        ]
    )
    changed = or_(SourceFile.size != new.excluded.size, SourceFile.mtime_ns != new.excluded.mtime_ns)
    rows = connection.execute(
        new.on_conflict_do_update(
            index_elements=[SourceFile.path_key],
            set_={
                "size": new.excluded.size,
                "mtime_ns": new.excluded.mtime_ns,
                "state": FileState.REGISTERED.value,
                "reason": None,
                "detail": None,
                "attempts": case((or_(changed, SourceFile.reason.is_not(None)), 1), else_=SourceFile.attempts + 1),
                "claimed_by": run_id,
                "updated_at": func.now(),
            },
        ).returning(SourceFile.id, SourceFile.path_key, SourceFile.attempts)
    ).all()
    ids = {row.path_key: row for row in rows}
    forget_measurements(connection, [row.id for row in rows])
    connection.execute(
        upsert(PhiSourcePath)
        .values([{"file_id": ids[key].id, "path": os.fsencode(found.path)} for key, found in by_key.items()])
        .on_conflict_do_nothing()
    )
    return [Claimed(ids[key].id, found, key, ids[key].attempts) for key, found in by_key.items()]


def claim_again(connection: Connection, claimed: Claimed) -> Claimed:
    """Count another attempt after a worker's death; commit before the worker starts."""
    attempts = connection.execute(
        update(SourceFile)
        .where(SourceFile.id == claimed.id)
        .values(attempts=SourceFile.attempts + 1)
        .returning(SourceFile.attempts)
    ).scalar_one()
    return Claimed(claimed.id, claimed.file, claimed.path_key, attempts)


def settle(connection: Connection, outcomes: Sequence[tuple[int, Skipped | Quarantined]]) -> None:
    """Write why these files are not indexed, and release them."""
    if not outcomes:
        return
    connection.execute(
        text(
            "update core.source_file f set state = o.state, reason = o.reason, detail = o.detail, claimed_by = null,"
            " updated_at = now() from unnest(cast(:ids as bigint[]), cast(:states as text[]),"
            " cast(:reasons as text[]), cast(:details as text[])) as o(id, state, reason, detail) where f.id = o.id"
        ),
        {
            "ids": [file_id for file_id, _ in outcomes],
            "states": [_settled(outcome).value for _, outcome in outcomes],
            "reasons": [str(outcome.reason) for _, outcome in outcomes],
            "details": [outcome.detail for _, outcome in outcomes],
        },
    )
    failed = [file_id for file_id, outcome in outcomes if isinstance(outcome, Quarantined)]
    if failed:
        release_duplicates(
            connection, connection.scalars(select(SourceFile.video_key).where(SourceFile.id.in_(failed))).all()
        )


def note_videos(connection: Connection, videos: Mapping[int, str]) -> None:
    """Note file id -> the video that the file would be, though another file backs it or it is disputed."""
    if videos:
        connection.execute(
            text(
                "update core.source_file f set video_key = n.key"
                " from unnest(cast(:ids as bigint[]), cast(:keys as uuid[])) as n(id, key) where f.id = n.id"
            ),
            {"ids": list(videos), "keys": list(videos.values())},
        )


def release_duplicates(connection: Connection, video_keys: Sequence[str | None]) -> None:
    """Make skipped copies due again whose video's own file failed: the next run looks at them."""
    keys = [key for key in video_keys if key is not None]
    if keys:
        connection.execute(
            text(
                "update core.source_file f set state = 'registered', reason = null, detail = null, video_key = null"
                " where f.video_key = any(cast(:keys as uuid[])) and f.reason = 'DUPLICATE'"
                " and not exists (select from core.embedding e where e.video_key = f.video_key)"
            ),
            {"keys": keys},
        )


def _settled(outcome: Skipped | Quarantined) -> FileState:
    return FileState.SKIPPED if isinstance(outcome, Skipped) else FileState.QUARANTINED
