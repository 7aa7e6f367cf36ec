"""Ranges of study keys: what the workers of a re-embedding claim, as those of an ingest claim files.

Keys are HMACs: equal pieces of all possible keys hold about as many studies. A range that is done is deleted. What is
done within a range its vectors tell, so that a range that is claimed again costs one look.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from echosearch.db.files.jobs import note_walked

__all__ = ["ALL_STUDIES", "StudyRange", "claim_range", "delete_claimed_ranges", "write_ranges"]


@dataclass(frozen=True)
class StudyRange:
    """Study keys from ``first`` to ``last``, both in it."""

    first: str
    last: str


ALL_STUDIES = StudyRange(str(UUID(int=0)), str(UUID(int=2**128 - 1)))
WRITTEN = 10_000  # rows a statement


def write_ranges(connection: Connection, job: int, count: int) -> None:
    """Share all studies out to ``count`` ranges of a job, unless an earlier driver of the job has done so."""
    if connection.scalar(text("select walked_at from core.job where id = :job"), {"job": job}) is not None:
        return
    bounds = [place * 2**128 // count for place in range(count + 1)]
    for begin in range(0, count, WRITTEN):
        end = min(begin + WRITTEN, count)
        connection.execute(
            text(
                "insert into core.study_range (job, first, last) select :job, f, l"
                " from unnest(cast(:firsts as uuid[]), cast(:lasts as uuid[])) as r(f, l)"
            ),
            {
                "job": job,
                "firsts": [str(UUID(int=bound)) for bound in bounds[begin:end]],
                "lasts": [str(UUID(int=bound - 1)) for bound in bounds[begin + 1 : end + 1]],
            },
        )
    note_walked(connection, job)


def claim_range(connection: Connection, run_id: int, job: int) -> StudyRange | None:
    """Claim the next free range of a job; None if none is free or the job is over. Commit before any worker sees it."""
    row = connection.execute(
        text(
            "update core.study_range set claimed_by = :run where id = (select id from core.study_range"
            " where job = :job and claimed_by is null"
            " and exists (select from core.job j where j.id = :job and j.finished_at is null)"
            " order by id limit 1 for update skip locked)"
            " returning cast(first as text) as first, cast(last as text) as last"
        ),
        {"run": run_id, "job": job},
    ).one_or_none()
    return None if row is None else StudyRange(row.first, row.last)


def delete_claimed_ranges(connection: Connection, run_id: int) -> None:
    """Delete what a run has claimed: all of it is done."""
    connection.execute(text("delete from core.study_range where claimed_by = :run"), {"run": run_id})
