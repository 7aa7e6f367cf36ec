"""Studies whose value of a measurement is known: from a structured report, or from what the report states."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

__all__ = ["KnownValue", "known_values"]


@dataclass(frozen=True)
class KnownValue:
    """One study's value, in the unit of its concept."""

    study: str
    patient: str
    value: float


def known_values(connection: Connection, concept: str, limit: int) -> list[KnownValue]:
    """Return the value of ``concept`` of the first studies by key, at most ``limit``; keys are HMACs: a random sample.

    A structured report goes before the report's text. A study of which either says several values is left out: one of
    them may be of another day. Both indexes are read in the order of their keys and no further than ``limit`` rows.
    """
    rows = connection.execute(
        text("""
            with measured as (
                select study_key, value from core.sr_value where trusted and concept = :concept
                order by study_key limit :limit
            ),
            written as (
                select study_key, value from core.fact
                where concept = :concept and polarity = 'present' and value is not null and value_hi is null
                order by study_key limit :limit
            ),
            one as (
                select study_key, 1 as rank, min(value) as value from measured
                group by study_key having min(value) = max(value)
                union all
                select study_key, 2, min(value) from written group by study_key having min(value) = max(value)
            )
            select distinct on (study_key)
                cast(study_key as text) as study, cast(s.patient_key as text) as patient, one.value
            from one join core.study s using (study_key)
            where not s.conflict
            order by study_key, rank limit :limit
        """),
        {"concept": concept, "limit": limit},
    )
    return [KnownValue(row.study, row.patient, row.value) for row in rows]
