"""What readers answered about studies: added, never changed; the last answer of a reader about a study counts.

A topic is what asked ("cohort/NAME"); any command that shows studies to a reader can record answers under its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

__all__ = [
    "ANSWERS",
    "Answer",
    "ReviewRow",
    "known_studies",
    "last_answers",
    "own_answers",
    "put_reviews",
    "unreviewed",
]

Answer = Literal["accept", "reject", "unsure"]
ANSWERS: tuple[Answer, ...] = ("accept", "reject", "unsure")
_BATCH = 2000


@dataclass(frozen=True)
class ReviewRow:
    """One answer. Its repr shows no reason: a reader may have named a patient there."""

    study: str
    reader: str
    answer: Answer
    reason: str = field(default="", repr=False)
    at: datetime | None = None  # None: now
    question: str = ""  # what was asked; of rows that are read


def put_reviews(connection: Connection, topic: str, question: str, rows: Sequence[ReviewRow]) -> None:
    """Add answers; a reason goes to phi, so one that is given needs a role that may write there."""
    for row in rows:
        made = connection.scalar(
            text(
                "insert into core.review (topic, question, study_key, reader, answer)"
                " values (:topic, :question, :study, :reader, :answer) returning id"
            ),
            {
                "topic": topic,
                "question": question,
                "study": row.study,
                "reader": row.reader,
                "answer": row.answer,
            },
        )
        if row.reason:
            connection.execute(
                text("insert into phi.review (review_id, reason) values (:id, :reason)"),
                {"id": made, "reason": row.reason},
            )


def last_answers(connection: Connection, topic: str, reasons: bool = False) -> Iterator[ReviewRow]:
    """Yield the last answer of every reader about every study, by study and reader; ``reasons`` are read from phi."""
    reason = "coalesce(p.reason, '')" if reasons else "''"
    joined = " left join phi.review p on p.review_id = r.id" if reasons else ""
    with connection.execute(
        text(
            "select distinct on (r.study_key, r.reader) cast(r.study_key as text) as study, r.reader, r.answer,"
            f" {reason} as reason, r.created_at, r.question from core.review r{joined} where r.topic = :topic"
            " order by r.study_key, r.reader, r.id desc"
        ),
        {"topic": topic},
        execution_options={"stream_results": True, "yield_per": _BATCH},
    ) as rows:
        for row in rows:
            yield ReviewRow(row.study, row.reader, row.answer, row.reason, row.created_at, row.question)


def own_answers(
    connection: Connection, topics: Collection[str], studies: Sequence[str], reader: str
) -> dict[tuple[str, str], Answer]:
    """Return (topic, study) -> the last answer of one reader about these studies."""
    rows = connection.execute(
        text(
            "select distinct on (topic, study_key) topic, cast(study_key as text) as study, answer from core.review"
            " where topic = any(:topics) and study_key = any(cast(:keys as uuid[])) and reader = :reader"
            " order by topic, study_key, id desc"
        ),
        {"topics": list(topics), "keys": list(studies), "reader": reader},
    )
    return {(row.topic, row.study): row.answer for row in rows}


def unreviewed(connection: Connection, members: str, topic: str, reader: str, seed: int, limit: int) -> list[str]:
    """Return members (a query, snapshots.py) that the reader has not answered, in order of a hash of the seed.

    Every reader gets the same order, so that the samples of two readers overlap.
    """
    rows = connection.scalars(
        text(
            f"select cast(m.study_key as text) from ({members}) m where not exists (select from core.review r"
            " where r.topic = :topic and r.study_key = m.study_key and r.reader = :reader)"
            " order by sha256(convert_to(:seed || cast(m.study_key as text), 'UTF8')) limit :limit"
        ),
        {"topic": topic, "reader": reader, "seed": f"{seed}:", "limit": limit},
    )
    return list(rows)


def known_studies(connection: Connection, members: str, studies: Sequence[str]) -> set[str]:
    """Return those of these keys that are members (a query, snapshots.py)."""
    rows = connection.scalars(
        text(f"select cast(m.study_key as text) from ({members}) m where m.study_key = any(cast(:keys as uuid[]))"),
        {"keys": list(studies)},
    )
    return set(rows)
