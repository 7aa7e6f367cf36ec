"""What stands in the archive and has no vector of a given encoder yet."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.db.ledger import Claimed
from echosearch.db.standing import files_holding

__all__ = ["Unembedded", "count_unembedded", "release_unembedded", "unembedded"]

_STANDING = (
    "from core.video v join core.study s using (study_key) where not s.conflict"
    " and exists (select from core.source_file f"
    " where f.video_key = v.video_key and f.state in ('embedded', 'indexed'))"
)
_NOT_YET = "not exists (select from core.embedding e where e.encoder_id = :encoder and e.video_key = "


@dataclass(frozen=True)
class Unembedded:
    """A video, and the files that hold it: the one that stands for it first."""

    video_key: str
    study_key: str
    files: tuple[Claimed, ...]


def count_unembedded(connection: Connection, encoder_id: int) -> tuple[int, int]:
    """(videos that a file stands for, those of them that this encoder has not embedded)."""
    query = f"select count(*) as all, count(*) filter (where {_NOT_YET} v.video_key)) as waiting {_STANDING}"
    row = connection.execute(text(query), {"encoder": encoder_id}).one()
    return row[0], row[1]


def unembedded(connection: Connection, encoder_id: int, after: Unembedded | None, limit: int) -> list[Unembedded]:
    """The next ``limit`` of them behind ``after``, study by study."""
    given: dict[str, object] = {"encoder": encoder_id, "limit": limit}
    behind = ""
    if after is not None:
        # the first condition says nothing new; without it each batch would pass all studies before
        behind = (
            " and s.study_key >= cast(:study as uuid)"
            " and (v.study_key, v.video_key) > (cast(:study as uuid), cast(:video as uuid))"
        )
        given |= {"study": after.study_key, "video": after.video_key}
    rows = connection.execute(
        text(
            "select cast(v.video_key as text) as video, cast(v.study_key as text) as study"
            f" {_STANDING} and {_NOT_YET} v.video_key){behind} order by v.study_key, v.video_key limit :limit"
        ),
        given,
    ).all()
    files = files_holding(connection, [row.video for row in rows])
    return [Unembedded(row.video, row.study, tuple(files[row.video])) for row in rows]


def release_unembedded(connection: Connection, encoder_id: int) -> int:
    """Files whose video this encoder has not embedded wait for the next ingest again; how many."""
    return connection.execute(
        text(
            "update core.source_file f set state = 'registered', attempts = 0, updated_at = now()"
            f" where f.state in ('embedded', 'indexed') and {_NOT_YET} f.video_key)"
        ),
        {"encoder": encoder_id},
    ).rowcount
