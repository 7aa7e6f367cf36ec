"""How many patients and studies contradict themselves, as the last ingest noted it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

__all__ = ["Contradictions", "contradictions"]


@dataclass(frozen=True)
class Contradictions:
    """How many patient ids seem to belong to more than one person, and how many studies contradict themselves."""

    patients_of_two_sexes: int
    patients_of_two_birth_dates: int
    studies: int  # their files say two sexes, birth dates or ages: that value is left unknown

    def __bool__(self) -> bool:
        return bool(self.patients_of_two_sexes or self.patients_of_two_birth_dates or self.studies)


def contradictions(connection: Connection) -> Contradictions:
    """Return the contradictions that the last ingest noted."""
    row = connection.execute(
        text(
            "select (select count(*) from core.patient where two_sexes) as sexes,"
            " (select count(*) from core.patient where two_birth_dates) as births,"
            " (select count(*) from core.study where contradicts) as studies"
        )
    ).one()
    return Contradictions(row.sexes, row.births, row.studies)
