"""View labels from a CSV: kept whether or not their video has come yet, and applied to those that have."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert as upsert

from echosearch.db.tables import ViewLabelRow
from echosearch.db.vectors import touch_videos
from echosearch.study import ViewLabel

__all__ = ["put_view_labels"]


def put_view_labels(connection: Connection, labels: Sequence[tuple[str, ViewLabel]]) -> int:
    """Store (video key or path key, label) rows; videos already here get theirs at once. Count of changed videos."""
    rows = {
        subject: {"subject_key": subject, "view": str(label.view), "view_prob": label.prob, "raw": label.raw}
        for subject, label in labels
    }
    if not rows:
        return 0
    new = upsert(ViewLabelRow).values(list(rows.values()))
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[ViewLabelRow.subject_key],
            set_={name: new.excluded[name] for name in ("view", "view_prob", "raw")},
        )
    )
    changed = connection.scalars(
        text(
            "update core.video v set view = l.view, view_prob = l.view_prob, view_source = 'csv'"
            " from core.view_label l left join core.source_file f on f.path_key = l.subject_key"
            "  and f.state in ('admitted', 'embedded', 'indexed')"
            " where l.subject_key = any(cast(:subjects as uuid[]))"
            " and v.video_key = coalesce(f.video_key, l.subject_key)"
            " and (v.view, v.view_prob) is distinct from (l.view, l.view_prob)"
            " returning cast(v.video_key as text)"
        ),
        {"subjects": list(rows)},
    ).all()
    touch_videos(connection, list(changed))
    return len(changed)
