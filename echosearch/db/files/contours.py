"""Contours of videos: what a head has drawn, or what was imported from DICOM SEG (then the head is "seg").

They are read as long as the video's content is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from echosearch.video import VIEW_GATE, View

__all__ = ["StoredContour", "VideoToDraw", "contour_of", "delete_contour", "known_video", "put_contour"]


@dataclass(frozen=True)
class StoredContour:
    """A row of core.contour."""

    view: str
    ef: float | None
    no_figure: str | None
    found: dict[str, Any]
    outlines: bytes | None = field(repr=False)
    areas: bytes | None = field(repr=False)


@dataclass(frozen=True)
class VideoToDraw:
    """What is known of a video before its contours are drawn."""

    view: str | None
    view_prob: float | None
    mode: str
    frames: int
    rows: int
    columns: int
    digest: bytes = field(repr=False)

    @property
    def sure_view(self) -> View:
        """The view with a probability of 0.9 or more, else Other."""
        return View(self.view) if self.view and (self.view_prob or 0) >= VIEW_GATE else View.OTHER


def known_video(connection: Connection, video: str) -> VideoToDraw:
    """Return what is known of a video that is there (db/files/shown.py says whether it may be shown)."""
    row = connection.execute(
        text(
            "select view, view_prob, mode, n_frames as frames, rows, columns, content_digest as digest from core.video"
            " where video_key = cast(:video as uuid)"
        ),
        {"video": video},
    ).one()
    return VideoToDraw(**row._mapping)


def contour_of(connection: Connection, video: str, head: str) -> StoredContour | None:
    """Return what this head drew on a video of this content, None if it has not, or on other content."""
    row = connection.execute(
        text(
            "select c.view, c.ef, c.no_figure, c.found, c.outlines, c.areas from core.contour c"
            " join core.video v using (video_key, content_digest)"
            " where video_key = cast(:video as uuid) and c.head = :head"
        ),
        {"video": video, "head": head},
    ).one_or_none()
    return None if row is None else StoredContour(**row._mapping)


def put_contour(connection: Connection, video: str, head: str, digest: bytes, made: StoredContour) -> None:
    """Store what a head drew on a video of this content, in place of what it drew before."""
    connection.execute(
        text(
            "insert into core.contour (video_key, head, content_digest, view, ef, no_figure, found, outlines, areas)"
            " values (cast(:video as uuid), :head, :digest, :view, :ef, :no_figure, :found, :outlines, :areas)"
            " on conflict (video_key, head) do update set content_digest = excluded.content_digest,"
            " view = excluded.view, ef = excluded.ef, no_figure = excluded.no_figure, found = excluded.found,"
            " outlines = excluded.outlines, areas = excluded.areas, made_at = now()"
        ).bindparams(bindparam("found", type_=JSONB)),
        {"video": video, "head": head, "digest": digest, **vars(made)},
    )


def delete_contour(connection: Connection, video: str, head: str) -> bool:
    """Delete what this head drew on a video, on any content of it; return whether there was any."""
    deleted = connection.execute(
        text("delete from core.contour where video_key = cast(:video as uuid) and head = :head"),
        {"video": video, "head": head},
    )
    return deleted.rowcount > 0
