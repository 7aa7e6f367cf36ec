"""Videos searchable under one encoder that another has not embedded, and the ledger when that one takes over."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from echosearch.db.files.backing import BACKED, files_holding
from echosearch.db.files.study_ranges import ALL_STUDIES, StudyRange
from echosearch.source_file import Claimed

__all__ = ["Unembedded", "count_unembedded", "hand_over_files", "unembedded"]

# the videos that encoder :before can find
_SERVED = (
    "from core.embedding e join core.video v using (video_key) join core.study s using (study_key){}"
    f" where e.encoder_id = :before and not s.conflict and {BACKED}"
)
_NOT_YET = "not exists (select from core.embedding n where n.encoder_id = :encoder and n.video_key = "
_LEFT_OUT = "the encoder that answers could not embed it when it took over"


@dataclass(frozen=True)
class Unembedded:
    """A video and the files that hold it, its backing file first; none if that file is due to be read again."""

    video_key: str
    study_key: str
    files: tuple[Claimed, ...]


def count_unembedded(connection: Connection, encoder_id: int, before_id: int) -> tuple[int, int]:
    """Return (videos that the encoder before can find, those of them that this encoder has not embedded)."""
    has_it = " left join core.embedding n on n.encoder_id = :encoder and n.video_key = v.video_key"
    query = f"select count(*), count(*) - count(n.video_key) {_SERVED.format(has_it)}"
    row = connection.execute(text(query), {"encoder": encoder_id, "before": before_id}).one()
    return row[0], row[1]


def unembedded(
    connection: Connection,
    encoder_id: int,
    before_id: int,
    after: Unembedded | None,
    limit: int,
    studies: StudyRange = ALL_STUDIES,
) -> list[Unembedded]:
    """Return the next ``limit`` of them behind ``after``, study by study, of a range of studies."""
    # study by study, so that a batch does not cost a look at all vectors; offset 0 keeps the planner from it
    rows = connection.execute(
        text(
            "select cast(v.video_key as text) as video, cast(s.study_key as text) as study"
            " from core.study s cross join lateral (select v.video_key from core.video v"
            " join core.embedding e on e.video_key = v.video_key and e.encoder_id = :before"
            f" where v.study_key = s.study_key and {BACKED} and {_NOT_YET} v.video_key) offset 0) v"
            " where not s.conflict and s.study_key >= cast(:study as uuid) and s.study_key <= cast(:until as uuid)"
            " and (s.study_key, v.video_key) > (cast(:study as uuid), cast(:video as uuid))"
            " order by s.study_key, v.video_key limit :limit"
        ),
        {
            "encoder": encoder_id,
            "before": before_id,
            "limit": limit,
            "study": after.study_key if after else studies.first,
            "until": studies.last,
            "video": after.video_key if after else str(UUID(int=0)),
        },
    ).all()
    files = files_holding(connection, [row.video for row in rows])
    return [Unembedded(row.video, row.study, tuple(files[row.video])) for row in rows]


def hand_over_files(connection: Connection, encoder_id: int) -> None:
    """Make the ledger this encoder's, whose vectors answer from now on and are all in the index.

    Files whose video it has not embedded wait for the next ingest, and so do their copies, any of which may come first.
    Those that an earlier hand-over made wait, and whose video it has, are indexed again.
    """
    given = {"encoder": encoder_id, "left_out": _LEFT_OUT}
    has_it = "exists (select from core.embedding n where n.encoder_id = :encoder and n.video_key = f.video_key)"
    connection.execute(
        text(
            "update core.source_file f set state = 'indexed', detail = null, updated_at = now()"
            f" where f.state = 'registered' and f.detail = :left_out and {has_it}"
        ),
        given,
    )
    connection.execute(
        text(
            "update core.source_file f set state = 'registered', detail = :left_out, attempts = 0, updated_at = now()"
            f" where f.state in ('embedded', 'indexed') and not {has_it}"
        ),
        given,
    )
    connection.execute(
        text(
            "update core.source_file c set state = 'registered', reason = null, video_key = null, detail = null"
            " where c.reason = 'DUPLICATE' and exists (select from core.source_file f where f.video_key = c.video_key"
            " and f.state = 'registered' and f.detail = :left_out)"
        ),
        given,
    )
