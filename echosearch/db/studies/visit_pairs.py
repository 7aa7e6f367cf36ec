"""A patient's studies in order, and pairs of studies that follow one another, with their stored vectors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from echosearch.db.access.viewer import Viewer
from echosearch.errors import UnknownStudy
from echosearch.vector import Vectors, from_bytes

__all__ = ["Visit", "VisitPair", "pairs_after", "resolve_patient", "visits_of"]

MIN_PREFIX = 8  # hex digits of a key
_GAP = "(s.month / 100 * 12 + s.month % 100) - (e.month / 100 * 12 + e.month % 100)"
_SHOWN = "e.encoder_id = :encoder and e.indexed_gen is not null"


@dataclass(frozen=True)
class Visit:
    """One study of a patient. ``vector``: the raw mean (D,) of its videos, None if nothing of it is indexed."""

    study: str
    month: int | None  # yyyymm
    age: int | None
    refers_back: bool  # its report says that nothing has changed since the study before
    has_report: bool  # that was read for facts
    vector: Vectors | None = field(repr=False)


@dataclass(frozen=True)
class VisitPair:
    """Two indexed studies of a patient without an indexed one between them."""

    patient: str
    earlier: str
    later: str
    earlier_month: int
    later_month: int
    months: int  # between them
    age: int | None  # at the later one
    sex: str | None
    vectors: tuple[Vectors, Vectors] = field(repr=False)  # (D,) raw, earlier and later


def visits_of(connection: Connection, encoder_id: int, patient: str, viewer: Viewer) -> list[Visit]:
    """Return the studies of a patient that the viewer may see, the oldest first; those without a date last."""
    rows = connection.execute(
        text(
            "select cast(s.study_key as text) as study, s.month, s.age, s.sex, coalesce(r.refers_back, false) as back,"
            " r.study_key is not null as read, e.vector from core.study s"
            " left join core.fact_reading r on r.study_key = s.study_key"
            f" left join core.study_embedding e on e.study_key = s.study_key and {_SHOWN}"
            " where s.patient_key = cast(:patient as uuid) and not s.conflict"
            " order by s.visit = 0, s.visit, s.study_key limit 500"
        ),
        {"patient": patient, "encoder": encoder_id},
    )
    return [
        Visit(r.study, r.month, r.age, r.back, r.read, None if r.vector is None else from_bytes(r.vector))
        for r in rows
        if viewer.sees(r.month, r.age, r.sex)
    ]


def pairs_after(
    connection: Connection,
    encoder_id: int,
    after: str | None,
    limit: int,
    within_months: int | None = None,
    since: int | None = None,
) -> list[VisitPair]:
    """Return the next ``limit`` pairs in the order of the later study's key, from behind ``after``.

    Keys are HMACs: the first pairs are a random sample. ``since`` is the month, yyyymm, of the later study.
    """
    rows = connection.execute(
        text(f"""
            select cast(s.patient_key as text) as patient, cast(e.study_key as text) as earlier,
                cast(s.study_key as text) as later, e.month as earlier_month, s.month, s.age, s.sex,
                {_GAP} as months, e.vector as first, v.vector as second
            from core.study s
            join core.study_embedding v
                on v.study_key = s.study_key and v.encoder_id = :encoder and v.indexed_gen is not null
            cross join lateral (
                select b.study_key, b.month, e.vector
                from core.study b
                join core.study_embedding e on e.study_key = b.study_key and {_SHOWN}
                where b.patient_key = s.patient_key and b.visit between 1 and s.visit - 1 and not b.conflict
                order by b.visit desc limit 1
            ) e
            where s.visit > 1 and not s.conflict
                and (cast(:after as uuid) is null or s.study_key > cast(:after as uuid))
                and (cast(:within as int) is null or {_GAP} <= :within)
                and (cast(:since as int) is null or s.month >= :since)
            order by s.study_key limit :limit
        """),
        {"encoder": encoder_id, "after": after, "limit": limit, "within": within_months, "since": since},
    )
    return [
        VisitPair(
            *(r.patient, r.earlier, r.later, r.earlier_month, r.month, int(r.months), r.age, r.sex),
            (from_bytes(r.first), from_bytes(r.second)),
        )
        for r in rows
    ]


def resolve_patient(connection: Connection, name: str) -> str | None:
    """Return the patient that ``name`` means: a pseudonymous key (its first 8 digits do) or a patient id; else None.

    Raises UnknownStudy if several fit.
    """
    digits = name.replace("-", "").lower()
    found: set[str] = set()
    if re.fullmatch(rf"[0-9a-f]{{{MIN_PREFIX},32}}", digits):
        rows = connection.scalars(
            text(
                "select cast(patient_key as text) from core.patient"
                " where patient_key between cast(:low as uuid) and cast(:high as uuid) limit 2"
            ),
            {"low": str(UUID(digits.ljust(32, "0"))), "high": str(UUID(digits.ljust(32, "f")))},
        )
        found |= set(rows)
    if not found:
        rows = connection.scalars(
            text("select cast(patient_key as text) from phi.patient where patient_id = :name limit 2"), {"name": name}
        )
        found |= set(rows)
    if len(found) > 1:
        raise UnknownStudy("that names several patients: give a study of the patient, or the patient's key")
    return found.pop() if found else None
