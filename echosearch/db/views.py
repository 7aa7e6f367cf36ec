"""Views of videos: labels from a CSV, kept whether or not their video has come yet, and a classifier's opinion."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from echosearch.db.tables import ViewLabelRow
from echosearch.db.vectors import touch_videos
from echosearch.encoder.base import ViewProbabilities
from echosearch.study import ViewLabel

__all__ = ["put_view_labels", "put_view_probabilities"]


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


def put_view_probabilities(connection: Connection, opinions: Sequence[tuple[str, ViewProbabilities]]) -> None:
    """Store (video key, a classifier's probabilities of all its classes). Its view counts where no table names one."""
    if not opinions:
        return
    connection.execute(
        text(
            "update core.video set view_probs = :probs,"
            " view = case when view_source = 'csv' then view else :view end,"
            " view_prob = case when view_source = 'csv' then view_prob else :prob end,"
            " view_source = case when view_source = 'csv' then view_source else :source end"
            " where video_key = cast(:key as uuid)"
        ).bindparams(bindparam("probs", type_=JSONB)),
        [
            {
                "key": key,
                "probs": dict(zip(opinion.labels, opinion.probabilities, strict=True)),
                "view": str(opinion.best.view),
                "prob": opinion.best.prob,
                "source": opinion.source,
            }
            for key, opinion in opinions
        ],
    )
