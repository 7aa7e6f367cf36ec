"""Which file stands for which video: no video is found that no file stands for.

A file that is read again can turn out to be another video, or none any more: what it was before goes, unless another
file stands for that. One that has vanished goes on standing (an archive outlives its exports) until a copy comes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, delete, select, text

from echosearch.db.ledger import FoundFile, release_duplicates
from echosearch.db.tables import PhiSourcePath, SourceFile
from echosearch.db.vectors import withdraw_videos

__all__ = ["forget_vanished", "forsake", "forsake_strays", "stood_for", "vouched_for", "waiting_files"]

# being read again, a file still stands for what it was
STANDING = "f.state in ('registered', 'admitted', 'embedded', 'indexed')"


def stood_for(connection: Connection, file_ids: Sequence[int]) -> dict[int, str]:
    """File id -> the video that the file was, or was a copy of, when it was read the last time."""
    rows = connection.execute(
        select(SourceFile.id, SourceFile.video_key).where(
            SourceFile.id.in_(file_ids), SourceFile.video_key.is_not(None)
        )
    )
    return {row.id: row.video_key for row in rows}


def forsake(connection: Connection, video_keys: Sequence[str]) -> None:
    """Withdraw those of these videos that no file stands for any more; their copies are looked at again."""
    if not video_keys:
        return
    gone = connection.scalars(
        text(
            "select distinct cast(e.video_key as text) from core.embedding e"
            " where e.video_key = any(cast(:keys as uuid[])) and not exists ("
            f"  select from core.source_file f where f.video_key = e.video_key and {STANDING})"
        ),
        {"keys": list(video_keys)},
    ).all()
    withdraw_videos(connection, gone)
    release_duplicates(connection, gone)


def forsake_strays(connection: Connection) -> None:
    """The same for the whole archive: what an earlier build left searchable, or somebody's hand."""
    forsake(
        connection,
        connection.scalars(
            text(
                "select distinct cast(e.video_key as text) from core.embedding e where not exists ("
                f"  select from core.source_file f where f.video_key = e.video_key and {STANDING})"
            )
        ).all(),
    )


def forget_vanished(connection: Connection, file_ids: Sequence[int]) -> set[int]:
    """Drop the rows of those of these files that are not where they were; their ids."""
    vanished = {file_id for file_id, path, *_ in _places(connection, "f.id", file_ids) if _stamp(path) is None}
    connection.execute(delete(PhiSourcePath).where(PhiSourcePath.file_id.in_(vanished)))
    connection.execute(delete(SourceFile).where(SourceFile.id.in_(vanished)))
    return vanished


def vouched_for(connection: Connection, study_key: str) -> bool:
    """Whether a file that stands for a video of this study still says of it what was read: it is as it was, or gone.

    Where all have changed since, and are to be read again, the study's patient is being corrected.
    """
    places = _places(connection, "v.study_key", [study_key], "('admitted', 'embedded', 'indexed')")
    return any(_stamp(path) in (None, (size, mtime_ns)) for _, path, size, mtime_ns in places)


def waiting_files(connection: Connection, root: Path) -> list[FoundFile]:
    """Files at or below ``root`` that nobody has claimed: copies of a video that was forsaken after their turn."""
    rows = connection.scalars(
        text(
            "select p.path from core.source_file f join phi.source_path p on p.file_id = f.id"
            " where f.state = 'registered' and f.claimed_by is null"
            " and (p.path = :root or substring(p.path for length(:below)) = :below) order by p.path"
        ),
        {"root": os.fsencode(root), "below": os.fsencode(root) + b"/"},
    )
    found = ((Path(os.fsdecode(path)), _stamp(os.fsdecode(path))) for path in rows)
    return [FoundFile(path, *stamp) for path, stamp in found if stamp is not None]


def _places(
    connection: Connection, column: str, values: Sequence[object], states: str | None = None
) -> list[tuple[int, str, int, int]]:
    kind = "bigint" if column == "f.id" else "uuid"
    rows = connection.execute(
        text(
            "select f.id, p.path, f.size, f.mtime_ns from core.source_file f"
            " join phi.source_path p on p.file_id = f.id left join core.video v on v.video_key = f.video_key"
            f" where {column} = any(cast(:values as {kind}[]))" + (f" and f.state in {states}" if states else "")
        ),
        {"values": list(values)},
    )
    return [(row.id, os.fsdecode(bytes(row.path)), row.size, row.mtime_ns) for row in rows]


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_size, info.st_mtime_ns
