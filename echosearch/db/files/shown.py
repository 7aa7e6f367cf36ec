"""Which videos may be shown: those that a search can find now, each with the digest of its file's content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

__all__ = ["ShownFile", "count_shown", "shown_after", "shown_digests", "shown_file"]

# as a search shows them (db/lookup.py): in the index by the encoder that answers, of a study without a conflict
_SHOWN = (
    "from core.embedding e join core.video v using (video_key) join core.study s using (study_key)"
    " where e.encoder_id = (select encoder_id from core.generation where state = 'active')"
    " and e.indexed_gen is not null and not s.conflict"
)
_DIGEST = f"select cast(e.video_key as text) as key, v.content_digest {_SHOWN}"


@dataclass(frozen=True)
class ShownFile:
    """A video that may be shown: its study, what scopes are conditions on, and the digest of its file's content."""

    study: str
    month: int | None  # yyyymm
    age: int | None
    sex: str | None
    digest: bytes = field(repr=False)


def shown_file(connection: Connection, video: str) -> ShownFile | None:
    """Return what a picture of a video needs, in one statement; None if the video may not be shown."""
    row = connection.execute(
        text(
            "select cast(s.study_key as text) as study, s.month, s.age, s.sex, v.content_digest as digest"
            f" {_SHOWN} and e.video_key = cast(:video as uuid)"
        ),
        {"video": video},
    ).one_or_none()
    return None if row is None else ShownFile(row.study, row.month, row.age, row.sex, bytes(row.digest))


def shown_digests(connection: Connection, video_keys: Sequence[str]) -> dict[str, bytes]:
    """Return video key -> content digest of those of these videos that may be shown."""
    query = text(f"{_DIGEST} and e.video_key = any(cast(:keys as uuid[]))")
    return {row.key: row.content_digest for row in connection.execute(query, {"keys": list(video_keys)})}


def shown_after(connection: Connection, last: str | None, limit: int) -> dict[str, bytes]:
    """Return the next ``limit`` videos that may be shown, behind key ``last``, in the order of their keys."""
    behind = "" if last is None else " and e.video_key > cast(:last as uuid)"
    query = text(f"{_DIGEST}{behind} order by e.video_key limit :limit")
    given = {"limit": limit} if last is None else {"limit": limit, "last": last}
    return {row.key: row.content_digest for row in connection.execute(query, given)}


def count_shown(connection: Connection) -> int:
    """Count the videos that may be shown."""
    return int(connection.scalar(text(f"select count(*) {_SHOWN}")) or 0)
