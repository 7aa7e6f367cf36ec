"""Count what an opt-out concerns."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, text

__all__ = ["count_frozen", "count_videos", "owners_among", "studies_of_patients"]


def studies_of_patients(connection: Connection, patients: Sequence[str]) -> list[str]:
    """Return the studies of these patients."""
    rows = connection.scalars(
        text("select cast(study_key as text) from core.study where patient_key = any(cast(:patients as uuid[]))"),
        {"patients": list(patients)},
    )
    return list(rows)


def count_videos(connection: Connection, studies: Sequence[str]) -> int:
    """Return how many videos these studies have, of whatever outcome."""
    counted = text("select count(*) from core.video where study_key = any(cast(:studies as uuid[]))")
    return int(connection.execute(counted, {"studies": list(studies)}).scalar_one())


def owners_among(connection: Connection, owners: Collection[str]) -> set[str]:
    """Return those of these owners who have opted out before."""
    rows = connection.scalars(
        text("select distinct cast(owner as text) from core.opt_out where owner = any(cast(:owners as uuid[]))"),
        {"owners": list(owners)},
    )
    return set(rows)


def count_frozen(connection: Connection, owners: Collection[str]) -> tuple[int, int]:
    """Return how many members of how many frozen cohorts have opted out by these owners."""
    row = connection.execute(
        text(
            "select count(*) as members, count(distinct m.snapshot_id) as cohorts from core.cohort_member m"
            " join core.opt_out o on o.key = m.study_key where o.owner = any(cast(:owners as uuid[]))"
        ),
        {"owners": list(owners)},
    ).one()
    return row.members, row.cohorts
