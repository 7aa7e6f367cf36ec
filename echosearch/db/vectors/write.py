"""Write vectors: a video's raw output, its study's mean, and the outbox rows that carry both to the index.

Everything here runs inside the caller's transaction, so that a vector and its outbox row appear together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from echosearch.batch import batched
from echosearch.db.schema.tables import Embedding, ReportEmbedding, SourceFile, Study, StudyEmbedding, Video
from echosearch.db.vectors.points import VECTOR_TABLES
from echosearch.outcome import FileState
from echosearch.report.text import TEXT_FORM
from echosearch.vector import Vectors, from_bytes, is_usable, mean_vector, to_bytes
from echosearch.video import STUDY_VIEWS, VIEW_GATE

__all__ = [
    "enqueue",
    "put_report_vectors",
    "put_vectors",
    "put_video_vectors",
    "refresh_studies",
    "touch_reports",
    "touch_studies",
    "touch_videos",
    "withdraw_reports",
    "withdraw_videos",
]

ENQUEUED = 10_000  # outbox rows a statement
_OWNERS = {"videos": "core.video", "studies": "core.study", "reports": "core.report"}  # where each says whose it is


def enqueue(connection: Connection, encoder_id: int, collection: str, op: str, gens: Mapping[str, int]) -> None:
    """Write outbox rows for ``gens`` (key -> generation): one for each point, a later one replaces an earlier one."""
    for rows in batched(sorted(gens.items()), ENQUEUED):
        connection.execute(
            text(
                "insert into core.outbox (encoder_id, collection, key, op, gen)"
                " select :encoder, :collection, key, :op, gen"
                " from unnest(cast(:keys as uuid[]), cast(:gens as bigint[])) as d(key, gen)"
                " on conflict (encoder_id, collection, key)"
                # a new id: what a relay has taken meanwhile is not this any more, though a generation can come again
                " do update set id = default, op = excluded.op, gen = excluded.gen"
            ),
            {
                "encoder": encoder_id,
                "collection": collection,
                "op": op,
                "keys": [key for key, _ in rows],
                "gens": [gen for _, gen in rows],
            },
        )


def _put(connection: Connection, table: Any, key: Any, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Insert or update vector rows; return key -> new gen of those that changed."""
    if not rows:
        return {}
    new = upsert(table).values(rows)
    changing = {name: new.excluded[name] for name in rows[0] if name not in ("encoder_id", key.name)}
    current = tuple_(*(getattr(table, name) for name in changing))
    result = connection.execute(
        new.on_conflict_do_update(
            index_elements=[table.encoder_id, key],
            set_={**changing, "gen": table.gen + 1},
            where=current.is_distinct_from(tuple_(*changing.values())),
        ).returning(key, table.gen)
    )
    return {row[0]: row[1] for row in result}


def put_video_vectors(
    connection: Connection, encoder_id: int, run_id: int, vectors: Sequence[tuple[int, str, str, Vectors]]
) -> int:
    """Store (file id, video key, study key, raw vector (D,)) rows, call the files embedded, and return how many.

    Left out are files that came into conflict while they were decoded, and files that this run has no claim to.
    """
    waiting = set(
        connection.scalars(
            select(SourceFile.id)
            .where(
                SourceFile.id.in_([file_id for file_id, *_ in vectors]),
                SourceFile.state == FileState.ADMITTED.value,
                SourceFile.claimed_by == run_id,
            )
            .order_by(SourceFile.id)
            .with_for_update()
        )
    )
    vectors = [row for row in vectors if row[0] in waiting]
    put_vectors(connection, encoder_id, [row[1:] for row in vectors])
    connection.execute(
        text(
            "update core.source_file set state = 'embedded', claimed_by = null, updated_at = now()"
            " where id = any(cast(:ids as bigint[]))"
        ),
        {"ids": [file_id for file_id, *_ in vectors]},
    )
    return len(vectors)


def put_vectors(connection: Connection, encoder_id: int, vectors: Sequence[tuple[str, str, Vectors]]) -> None:
    """Store (video key, study key, raw vector (D,)) rows, refresh their studies' means, fill the outbox."""
    gens = _put(
        connection,
        Embedding,
        Embedding.video_key,
        [
            {"encoder_id": encoder_id, "video_key": video, "vector": to_bytes(vector)}
            for video, _, vector in sorted(vectors, key=lambda row: row[0])
        ],
    )
    enqueue(connection, encoder_id, "videos", "upsert", gens)
    refresh_studies(connection, encoder_id, {study for _, study, _ in vectors})


def refresh_studies(connection: Connection, encoder_id: int, study_keys: Iterable[str]) -> None:
    """Make these studies' vectors the exact mean of what is stored of them now, or remove them.

    The mean is over raw outputs of videos whose view is one of the five at or above the gate; where no video
    passes, over all cines (``gated`` false). Always from all rows in key order: however a study arrived, the
    same videos give the same bits.
    """
    keys = sorted(set(study_keys))
    if not keys:
        return
    # one writer per study at a time: two transactions that each add a video must see each other's
    connection.execute(
        select(Study.study_key).where(Study.study_key.in_(keys)).order_by(Study.study_key).with_for_update()
    )
    videos = connection.execute(
        select(Video.study_key, Video.view, Video.view_prob, Embedding.vector)
        .join(Embedding, Embedding.video_key == Video.video_key)
        .where(Video.study_key.in_(keys), Embedding.encoder_id == encoder_id)
        .order_by(Video.study_key, Video.video_key)
    )
    rows = []
    for study_key, group in groupby(videos, key=lambda row: row.study_key):
        members = list(group)
        gated = [row for row in members if row.view in STUDY_VIEWS and (row.view_prob or 0.0) >= VIEW_GATE]
        chosen = gated or members
        mean = mean_vector([from_bytes(row.vector) for row in chosen])
        if not is_usable(mean):  # opposite vectors: no direction to search by, and no index takes it
            continue
        rows.append(
            {
                "encoder_id": encoder_id,
                "study_key": study_key,
                "vector": to_bytes(mean),
                "n_videos": len(chosen),
                "embedded_videos": len(members),
                "gated": bool(gated),
            }
        )
    enqueue(
        connection, encoder_id, "studies", "upsert", _put(connection, StudyEmbedding, StudyEmbedding.study_key, rows)
    )
    emptied = sorted(set(keys) - {row["study_key"] for row in rows})
    _remove(connection, StudyEmbedding, StudyEmbedding.study_key, "studies", emptied, encoder_id)


def touch_videos(connection: Connection, video_keys: Sequence[str]) -> None:
    """Send these videos again, whose payload changed (a view label), and refresh their studies."""
    if not video_keys:
        return
    for encoder_id, rows in _by_encoder(connection, video_keys).items():
        gens = connection.execute(
            text(
                "update core.embedding set gen = gen + 1 where encoder_id = :encoder"
                " and video_key = any(cast(:keys as uuid[])) returning cast(video_key as text), gen"
            ),
            {"encoder": encoder_id, "keys": [video for video, _ in rows]},
        )
        enqueue(connection, encoder_id, "videos", "upsert", {row[0]: row[1] for row in gens})
        refresh_studies(connection, encoder_id, {study for _, study in rows})


def touch_studies(connection: Connection, study_keys: Sequence[str]) -> None:
    """Send all points of these studies again, whose payload changed (patient, age, month)."""
    if not study_keys:
        return
    for collection in _OWNERS:
        _send_again(connection, collection, "study_key", study_keys)


def touch_reports(connection: Connection, report_keys: Sequence[str]) -> None:
    """Send these reports again, which belong to another study now."""
    if report_keys:
        _send_again(connection, "reports", "report_key", report_keys)


def withdraw_videos(connection: Connection, video_keys: Sequence[str]) -> None:
    """Take these videos' vectors out of every encoder's set, and out of their studies' means."""
    if not video_keys:
        return
    for encoder_id, rows in _by_encoder(connection, video_keys).items():
        _remove(connection, Embedding, Embedding.video_key, "videos", [video for video, _ in rows], encoder_id)
        refresh_studies(connection, encoder_id, {study for _, study in rows})


def put_report_vectors(connection: Connection, encoder_id: int, vectors: Sequence[tuple[str, Vectors]]) -> None:
    """Store (report key, raw vector (D,)) rows and fill the outbox."""
    rows = [
        {"encoder_id": encoder_id, "report_key": key, "vector": to_bytes(vector), "text_form": TEXT_FORM}
        for key, vector in vectors
    ]
    gens = _put(connection, ReportEmbedding, ReportEmbedding.report_key, rows)
    enqueue(connection, encoder_id, "reports", "upsert", gens)


def withdraw_reports(connection: Connection, encoder_id: int, report_keys: Sequence[str]) -> None:
    _remove(connection, ReportEmbedding, ReportEmbedding.report_key, "reports", report_keys, encoder_id)


def _send_again(connection: Connection, collection: str, column: str, keys: Sequence[str]) -> None:
    table, key = VECTOR_TABLES[collection]
    rows = connection.execute(
        text(
            f"update {table} e set gen = e.gen + 1 from {_OWNERS[collection]} o where o.{key} = e.{key}"
            f" and o.{column} = any(cast(:keys as uuid[])) returning e.encoder_id, cast(e.{key} as text) as key, e.gen"
        ),
        {"keys": list(keys)},
    )
    gens: dict[int, dict[str, int]] = {}
    for row in rows:
        gens.setdefault(row.encoder_id, {})[row.key] = row.gen
    for encoder_id, own in gens.items():
        enqueue(connection, encoder_id, collection, "upsert", own)


def _by_encoder(connection: Connection, video_keys: Sequence[str]) -> dict[int, list[tuple[str, str]]]:
    """Return encoder id -> (video key, study key) of those that have a vector by it."""
    rows = connection.execute(
        select(Embedding.encoder_id, Embedding.video_key, Video.study_key)
        .join(Video, Video.video_key == Embedding.video_key)
        .where(Embedding.video_key.in_(video_keys))
    )
    found: dict[int, list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row.encoder_id, []).append((row.video_key, row.study_key))
    return found


def _remove(
    connection: Connection, table: Any, key: Any, collection: str, keys: Sequence[str], encoder_id: int
) -> None:
    gone = connection.execute(
        table.__table__.delete().where(table.encoder_id == encoder_id, key.in_(keys)).returning(key, table.gen)
    )
    enqueue(connection, encoder_id, collection, "delete", {row[0]: row[1] + 1 for row in gone})
