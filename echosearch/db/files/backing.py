"""Which file backs each video. A video without a backing file is withdrawn from search.

A file that is read again can turn out to be another video, or none: its former video is withdrawn, unless another file
backs that. A file that has vanished still backs its video (an archive outlives its exports) until a copy comes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, delete, select, text

from echosearch.db.files.description import describe_studies, studies_of
from echosearch.db.files.ledger import release_duplicates, settle
from echosearch.db.files.sight import Sight, stamp_of
from echosearch.db.schema.tables import PhiSourcePath, SourceFile
from echosearch.db.vectors.write import withdraw_videos
from echosearch.outcome import Quarantined, Skipped
from echosearch.source_file import Claimed, FoundFile

__all__ = [
    "BACKED",
    "EVERYWHERE",
    "NAMES_PATIENT",
    "UNBACKED",
    "backed_video",
    "files_holding",
    "forget_vanished",
    "is_unchanged",
    "mend_backing",
    "settle_refused",
    "still_backed",
    "waiting_files",
    "withdraw_unbacked",
]

EVERYWHERE = Sight()
# whether a file backs the video of vector e; while a file is read again, it still backs its former video
BACKED = (
    "exists (select from core.source_file f where f.video_key = e.video_key"
    " and f.state in ('registered', 'admitted', 'embedded', 'indexed'))"
)
UNBACKED = f"not {BACKED}"
# whether a file f says whose its study is; one in a conflict of UIDs does, though it backs nothing
NAMES_PATIENT = "(f.state in ('admitted', 'embedded', 'indexed') or f.reason = 'UID_CONFLICT')"


def backed_video(connection: Connection, file_ids: Sequence[int]) -> dict[int, str]:
    """Return file id -> the video that the file was, or was a copy of, when it was read the last time."""
    rows = connection.execute(
        select(SourceFile.id, SourceFile.video_key).where(
            SourceFile.id.in_(file_ids), SourceFile.video_key.is_not(None)
        )
    )
    return {row.id: row.video_key for row in rows}


def settle_refused(connection: Connection, outcomes: Sequence[tuple[int, Skipped | Quarantined]]) -> None:
    """Settle these files as refused, and withdraw the videos that they backed before."""
    if not outcomes:
        return
    before = backed_video(connection, [file_id for file_id, _ in outcomes])
    settle(connection, outcomes)
    withdraw_unbacked(connection, [*before.values()])


def withdraw_unbacked(connection: Connection, video_keys: Sequence[str] | None = None) -> None:
    """Remove those of these videos (None: of all) that no file backs from what a search finds.

    Their copies become due again, and their studies are described by the other files."""
    if video_keys is not None and not video_keys:
        return
    among = "" if video_keys is None else " and e.video_key = any(cast(:keys as uuid[]))"
    gone = connection.scalars(
        text(f"select distinct cast(e.video_key as text) from core.embedding e where {UNBACKED}{among}"),
        {} if video_keys is None else {"keys": list(video_keys)},
    ).all()
    withdraw_videos(connection, gone)
    release_duplicates(connection, gone)
    describe_studies(connection, studies_of(connection, gone if video_keys is None else video_keys))


def mend_backing(connection: Connection) -> None:
    """Repair what an older version may have left: a video has one backing file, or is withdrawn."""
    backed = "state in ('admitted', 'embedded', 'indexed')"
    others = connection.scalars(  # apart from the update, which would look at each row of the table, not at the index
        text(
            f"select f.id from core.source_file f where f.{backed} and exists (select from core.source_file g"
            f" where g.video_key = f.video_key and g.id < f.id and g.{backed})"
        )
    ).all()
    if others:
        connection.execute(
            text(
                "update core.source_file set state = 'skipped', reason = 'DUPLICATE', claimed_by = null,"
                " detail = 'another file backs the same video' where id = any(:ids)"
            ),
            {"ids": list(others)},
        )
    withdraw_unbacked(connection)


def forget_vanished(connection: Connection, file_ids: Sequence[int], sight: Sight = EVERYWHERE) -> set[int]:
    """Drop the rows of those of these files that have vanished; return their ids."""
    if not file_ids:
        return set()
    files = _files(connection, "f.id = any(cast(:ids as bigint[]))", {"ids": list(file_ids)})
    vanished = {one.id for _, one in files if sight.has_lost(one.file.path)}
    connection.execute(delete(PhiSourcePath).where(PhiSourcePath.file_id.in_(vanished)))
    connection.execute(delete(SourceFile).where(SourceFile.id.in_(vanished)))
    return vanished


def still_backed(connection: Connection, study_key: str) -> bool:
    """Return True if a backing file of this study is as it was when it was read, or has vanished.

    If all have changed since, and are due to be read again, the study's patient is being corrected. A file in a
    conflict of UIDs counts too (NAMES_PATIENT).
    """
    files = _files(connection, f"v.study_key = cast(:study as uuid) and {NAMES_PATIENT}", {"study": study_key})
    return any(is_unchanged(one.file) is not False for _, one in files)


def waiting_files(connection: Connection, root: Path, sight: Sight = EVERYWHERE) -> list[FoundFile]:
    """Return files at or below ``root`` that are due: copies of a video that was withdrawn after their turn.

    Files that vanished before they were read are forgotten: they would be due for ever.
    """
    below = "(p.path = :root or substring(p.path for length(:below)) = :below)"
    files = _files(
        connection,
        f"f.state = 'registered' and f.claimed_by is null and {below}",
        {"root": os.fsencode(root), "below": os.fsencode(root) + b"/"},
    )
    stamps = [(one.file.path, stamp_of(one.file.path)) for _, one in files]
    unread = [one.id for (video, one), (_, stamp) in zip(files, stamps, strict=True) if stamp is None and not video]
    forget_vanished(connection, unread, sight)
    return [FoundFile(path, *stamp) for path, stamp in stamps if stamp is not None]


def files_holding(connection: Connection, video_keys: Sequence[str]) -> dict[str, list[Claimed]]:
    """Return video -> the files that hold it, as they were when they were read: its backing file, then its copies."""
    holds = (
        "f.video_key = any(cast(:keys as uuid[])) and (f.state in ('embedded', 'indexed') or f.reason = 'DUPLICATE')"
    )
    holding: dict[str, list[Claimed]] = {key: [] for key in video_keys}
    for key, one in _files(connection, holds, {"keys": list(video_keys)}, order="f.state = 'skipped', p.path"):
        holding[key].append(one)
    return holding


def is_unchanged(found: FoundFile) -> bool | None:
    """Return True if a file is as it was found, by size and time; None if the file has vanished."""
    stamp = stamp_of(found.path)
    return None if stamp is None else stamp == (found.size, found.mtime_ns)


def _files(
    connection: Connection, condition: str, given: Mapping[str, object], order: str = "p.path"
) -> list[tuple[str, Claimed]]:
    """Return (video key, the file as it was found when it was read) of the rows that ``condition`` names."""
    rows = connection.execute(
        text(
            "select f.id, p.path, f.size, f.mtime_ns, cast(f.path_key as text) as path_key, f.attempts,"
            " coalesce(cast(f.video_key as text), '') as video_key from core.source_file f"
            " join phi.source_path p on p.file_id = f.id left join core.video v on v.video_key = f.video_key"
            f" where {condition} order by {order}"
        ),
        given,
    )
    return [
        (
            row.video_key,
            Claimed(row.id, FoundFile(Path(os.fsdecode(row.path)), row.size, row.mtime_ns), row.path_key, row.attempts),
        )
        for row in rows
    ]
