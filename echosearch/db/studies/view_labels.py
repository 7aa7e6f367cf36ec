"""Views of videos: labels from a CSV, kept also until their video comes, and a classifier's probabilities."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from echosearch.batch import batched
from echosearch.db.server.copying import copy_rows
from echosearch.db.vectors.write import touch_videos
from echosearch.encoder_info import ViewProbabilities
from echosearch.video import ViewLabel

__all__ = ["label_videos", "put_view_labels", "put_view_probabilities", "unmet_subjects"]

LABELLED = 10_000  # videos a statement


def put_view_labels(connection: Connection, labels: Iterable[tuple[str, ViewLabel]]) -> int:
    """Store (video key or path key, label) rows and label the videos that are here; return how many changed.

    Of several labels of one subject the last counts.
    """
    rows = ((n, key, str(label.view), label.prob, label.raw) for n, (key, label) in enumerate(labels))
    columns = "n bigint, subject_key uuid, view text, view_prob double precision, raw text"
    if not copy_rows(connection, "incoming_label", columns, rows):
        return 0
    connection.execute(
        text(
            "insert into core.view_label (subject_key, view, view_prob, raw)"
            " select distinct on (subject_key) subject_key, view, view_prob, raw from incoming_label"
            " order by subject_key, n desc on conflict (subject_key) do update"
            " set view = excluded.view, view_prob = excluded.view_prob, raw = excluded.raw"
            " where (view_label.view, view_label.view_prob, view_label.raw)"
            " is distinct from (excluded.view, excluded.view_prob, excluded.raw)"
        )
    )
    labelled = connection.scalars(
        text(
            "select cast(v.video_key as text) from core.video v where v.video_key in ("
            " select subject_key from incoming_label union select f.video_key from incoming_label l"
            " join core.source_file f on f.path_key = l.subject_key) order by v.video_key"
        )
    ).all()
    return sum(label_videos(connection, keys) for keys in batched(labelled, LABELLED))


def unmet_subjects(connection: Connection, lines: Sequence[int], subjects: Sequence[str]) -> list[int]:
    """Return the lines of those of these keys that the archive knows neither as a video's nor as a path's."""
    rows = connection.scalars(
        text(
            "select t.line from unnest(cast(:lines as bigint[]), cast(:keys as uuid[])) as t(line, key)"
            " where not exists (select from core.source_file f where f.path_key = t.key)"
            " and not exists (select from core.video v where v.video_key = t.key) order by t.line"
        ),
        {"lines": list(lines), "keys": list(subjects)},
    )
    return list(rows)


def label_videos(connection: Connection, video_keys: Sequence[str]) -> int:
    """Give these videos the labels that tables have for them; return how many changed.

    Of several the one by UID counts, then the one by the path of the file that the video is of, then by a copy's path.
    """
    if not video_keys:
        return 0
    changed = connection.scalars(
        text(
            "with best as ("
            "  select distinct on (t.video_key) t.video_key, l.view, l.view_prob"
            "  from unnest(cast(:keys as uuid[])) as t(video_key)"
            "  left join core.source_file f on f.video_key = t.video_key"
            "   and (f.state in ('admitted', 'embedded', 'indexed') or f.reason = 'DUPLICATE')"
            "  join core.view_label l on l.subject_key in (t.video_key, f.path_key)"
            "  order by t.video_key, l.subject_key <> t.video_key, f.state = 'skipped', l.subject_key)"
            " update core.video v set view = best.view, view_prob = best.view_prob, view_source = 'csv' from best"
            " where v.video_key = best.video_key"
            " and (v.view, v.view_prob) is distinct from (best.view, best.view_prob)"
            " returning cast(v.video_key as text)"
        ),
        {"keys": list(video_keys)},
    ).all()
    touch_videos(connection, list(changed))
    return len(changed)


def put_view_probabilities(connection: Connection, opinions: Sequence[tuple[str, ViewProbabilities]]) -> None:
    """Store (video key, a classifier's probabilities of all its classes). Its view counts if no table names one."""
    if not opinions:
        return
    changed = connection.scalars(
        text("""
            with own as (
                select video_key, view, view_prob from core.video where video_key = any(cast(:keys as uuid[]))
            ),
            put as (
                update core.video v set view_probs = cast(o.probs as jsonb),
                    view = case when v.view_source = 'csv' then v.view else o.view end,
                    view_prob = case when v.view_source = 'csv' then v.view_prob else o.prob end,
                    view_source = case when v.view_source = 'csv' then v.view_source else o.source end
                from unnest(
                    cast(:keys as uuid[]), cast(:probs as text[]), cast(:views as text[]),
                    cast(:best as float[]), cast(:sources as text[])
                ) as o(key, probs, view, prob, source)
                where v.video_key = o.key
                returning v.video_key, v.view, v.view_prob
            )
            select cast(video_key as text) from put join own using (video_key)
            where (put.view, put.view_prob) is distinct from (own.view, own.view_prob)
        """),
        {
            "keys": [key for key, _ in opinions],
            "probs": [
                json.dumps(dict(zip(one.labels, one.probabilities, strict=True)), ensure_ascii=False)
                for _, one in opinions
            ],
            "views": [str(one.best.view) for _, one in opinions],
            "best": [one.best.prob for _, one in opinions],
            "sources": [one.source for _, one in opinions],
        },
    ).all()
    touch_videos(connection, changed)  # another encoder's vectors of it may be here
