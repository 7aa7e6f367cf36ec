"""The identifiers of a study and the text of its report, read from the phi schema only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Connection, text

__all__ = ["Identified", "identified", "report_texts"]


@dataclass(frozen=True)
class Identified:
    """The identifiers of a study. Its repr shows none of them."""

    study_uid: str = field(repr=False)
    accession_number: str = field(repr=False)
    patient_id: str = field(repr=False)
    study_date: date | None = field(repr=False)


def identified(connection: Connection, studies: Sequence[str]) -> dict[str, Identified]:
    """Return the identifiers of these studies, by study key."""
    rows = connection.execute(
        text(
            "select cast(s.study_key as text) as study, s.study_uid, s.accession_number, o.patient_id, s.study_date"
            " from phi.study s left join phi.patient o using (patient_key)"
            " where s.study_key = any(cast(:keys as uuid[]))"
        ),
        {"keys": list(studies)},
    )
    return {
        row.study: Identified(row.study_uid, row.accession_number, row.patient_id or "", row.study_date) for row in rows
    }


def report_texts(connection: Connection, reports: Sequence[str]) -> dict[str, str]:
    """Return the text of these reports, as it came, by report key."""
    rows = connection.execute(
        text(
            "select cast(report_key as text) as report, text from phi.report"
            " where report_key = any(cast(:keys as uuid[]))"
        ),
        {"keys": list(reports)},
    )
    return {row.report: row.text for row in rows}
