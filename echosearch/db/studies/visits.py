"""The order of a patient's studies. It follows from exact dates, which are in phi; core keeps the order alone.

A patient whose studies, dates or facts have changed is marked, and settled at the end of an ingest: its studies are
numbered, and what their reports refer back to is inherited (inheritance.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

__all__ = ["MAX_VISITS", "number_visits", "unsettle", "unsettled_patients"]

MAX_VISITS = 500  # a "patient" of more studies is a placeholder such as ANONYMOUS: its studies have no order


def unsettle(connection: Connection, studies: Sequence[str]) -> None:
    """Note the patients of these studies, to be settled by the end of the ingest."""
    if not studies:
        return
    connection.execute(
        text(
            "update core.patient set settled = false where settled and patient_key in"
            " (select patient_key from core.study where study_key = any(cast(:keys as uuid[])))"
        ),
        {"keys": list(studies)},
    )


def unsettled_patients(connection: Connection, limit: int) -> list[str]:
    """Return the keys of the first ``limit`` marked patients."""
    found = connection.scalars(
        text(  # sorted by p.patient_key: patient_key alone is the text, for which all would be sorted each time
            "select cast(p.patient_key as text) from core.patient p where not p.settled"
            " order by p.patient_key limit :limit"
        ),
        {"limit": limit},
    )
    return list(found)


def number_visits(connection: Connection, patients: Sequence[str]) -> None:
    """Set the number of each study of these patients by date, from 1; 0 without a date. Settle the patients."""
    given = {"keys": list(patients), "most": MAX_VISITS}
    connection.execute(
        text(
            "update core.study s set visit = n.visit from ("
            "  select s.study_key, case when i.study_date is null or s.conflict"
            "    or count(*) over (partition by s.patient_key) > :most then 0 else row_number()"
            "    over (partition by s.patient_key order by (i.study_date is null or s.conflict), i.study_date,"
            "    s.study_key) end as visit"
            "  from core.study s left join phi.study i using (study_key)"
            "  where s.patient_key = any(cast(:keys as uuid[]))) n"
            " where n.study_key = s.study_key and n.visit <> s.visit"
        ),
        given,
    )
    connection.execute(
        text("update core.patient set settled = true where patient_key = any(cast(:keys as uuid[]))"), given
    )
