"""Patients and studies behind videos: pseudonymous rows in core, identifiers in phi.

The person that a study shows (sex, age, birth date) follows from all of its files: files/description.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, String, case, func, text, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from echosearch.db.files.backed import HAS_FILE
from echosearch.db.schema.tables import Patient, PhiPatient, PhiStudy, PhiVideo, Study
from echosearch.db.studies.visits import unsettle
from echosearch.db.vectors.write import touch_studies
from echosearch.source_file import Claimed
from echosearch.video import VideoHeader

__all__ = [
    "IdentityCandidate",
    "pooled_age",
    "studies_by_accession",
    "videos_of_former_patients",
    "write_identity",
    "write_videos",
]

T = TypeVar("T")
TOP_AGE = 90  # ages above are pooled: so few patients share them that they identify


@dataclass(frozen=True)
class IdentityCandidate:
    """An inspected file and the pseudonymous keys of what it claims to be."""

    claimed: Claimed
    header: VideoHeader
    patient_key: str
    study_key: str
    video_key: str


def studies_by_accession(connection: Connection, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return (accession number, patient id) -> StudyInstanceUID, for pairs that exactly one study has."""
    rows = connection.execute(
        text(
            "select w.accession, w.patient, min(s.study_uid) as study_uid"
            " from unnest(cast(:accessions as text[]), cast(:patients as text[])) as w(accession, patient)"
            " join phi.study s on s.accession_number = w.accession"
            " join phi.patient p on p.patient_key = s.patient_key and p.patient_id = w.patient"
            " where w.accession <> '' and w.patient <> ''"
            f" and exists ({HAS_FILE})"
            " group by w.accession, w.patient having count(distinct s.study_uid) = 1"
        ),
        {"accessions": [accession for accession, _ in wanted], "patients": [patient for _, patient in wanted]},
    )
    return {(row.accession, row.patient): row.study_uid for row in rows}


def write_identity(connection: Connection, taken: Sequence[IdentityCandidate], again: Collection[str] = ()) -> None:
    """Write rows for the patients and studies of these candidates, and add to existing rows what they lack.

    The first file that says something counts, until it is read ``again`` (by video key) and says something else; where
    what the index filters by is new, the study is sent to it again. All candidates of one study have one patient key
    (owners.py).
    """
    if not taken:
        return
    taken = sorted(taken, key=lambda candidate: candidate.video_key not in again)  # what was read again speaks first
    _write_patients(connection, taken, {c.patient_key for c in taken if c.video_key in again})
    touch_studies(
        connection, sorted(_write_studies(connection, taken, {c.study_key for c in taken if c.video_key in again}))
    )


def write_videos(connection: Connection, taken: Sequence[IdentityCandidate]) -> None:
    """Write the identifiers of these videos, and the birth dates and hospitals that their files say.

    A value that a file no longer has stays known.
    """
    rows = {
        candidate.video_key: {
            "video_key": candidate.video_key,
            "sop_uid": candidate.header.sop_uid,
            "series_uid": candidate.header.series_uid,
            "birth_date": candidate.header.birth_date,
            "authority": candidate.header.hospital.authority or None,
            "institution": candidate.header.hospital.institution or None,
        }
        for candidate in taken
    }
    new = upsert(PhiVideo).values([rows[key] for key in sorted(rows)])
    said = {
        name: func.coalesce(new.excluded[name], getattr(PhiVideo, name))
        for name in ("birth_date", "authority", "institution")
    }
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[PhiVideo.video_key],
            set_=said,
            where=tuple_(*(getattr(PhiVideo, name) for name in said)).is_distinct_from(tuple_(*said.values())),
        )
    )


def videos_of_former_patients(connection: Connection, taken: Sequence[IdentityCandidate]) -> list[str]:
    """Return the videos of studies that these candidates give to another patient than their present one."""
    named = {c.study_key: (c.header.issuer, c.header.patient_id) for c in taken if c.header.patient_id}
    rows = connection.scalars(
        text(
            "select cast(v.video_key as text) from core.video v join core.study s using (study_key)"
            " join phi.patient p on p.patient_key = s.patient_key"
            " join unnest(cast(:studies as uuid[]), cast(:issuers as text[]), cast(:ids as text[]))"
            " as n(study, issuer, patient_id) on n.study = s.study_key"
            " where n.patient_id <> p.patient_id or (n.issuer <> '' and p.issuer <> '' and n.issuer <> p.issuer)"
        ),
        {
            "studies": list(named),
            "issuers": [issuer for issuer, _ in named.values()],
            "ids": [patient_id for _, patient_id in named.values()],
        },
    )
    return list(rows)


def pooled_age(years: int | None) -> int | None:
    """Return the age that is stored, 90 for 90 and over."""
    return None if years is None else min(years, TOP_AGE)


def _write_patients(connection: Connection, taken: Sequence[IdentityCandidate], again: Collection[str]) -> None:
    headers = _grouped((candidate.patient_key, candidate.header) for candidate in taken)
    connection.execute(upsert(Patient).values([{"patient_key": key} for key in headers]).on_conflict_do_nothing())
    identified = [
        {
            "patient_key": key,
            "issuer": of[0].issuer,
            "patient_id": of[0].patient_id,
            "name": _first(own.patient_name for own in of) or "",
        }
        for key, of in headers.items()
        if of[0].patient_id
    ]
    if identified:
        new = upsert(PhiPatient).values(identified)
        name = _learned(PhiPatient.name, new.excluded.name, PhiPatient.patient_key.in_(again))
        connection.execute(
            new.on_conflict_do_update(
                index_elements=[PhiPatient.patient_key],
                set_={"name": name},
                where=PhiPatient.name.is_distinct_from(name),
            )
        )


def _write_studies(connection: Connection, taken: Sequence[IdentityCandidate], again: Collection[str]) -> list[str]:
    """Write studies; return the keys of those that are new, or of which a value was unknown or has changed."""
    by_study = _grouped((candidate.study_key, candidate) for candidate in taken)
    new = upsert(Study).values([_study_row(own) for own in by_study.values()])
    learned = {
        "patient_key": new.excluded.patient_key,
        "month": _learned(Study.month, new.excluded.month, Study.study_key.in_(again)),
    }
    current = tuple_(*(getattr(Study, name) for name in learned))
    written = connection.scalars(
        new.on_conflict_do_update(
            index_elements=[Study.study_key],
            set_=learned,
            where=current.is_distinct_from(tuple_(*learned.values())),
        ).returning(Study.study_key)
    ).all()
    phi = upsert(PhiStudy).values(
        [
            {
                "study_key": key,
                "patient_key": own[0].patient_key,
                "study_uid": own[0].header.study_uid,
                "accession_number": _first(each.header.accession_number for each in own) or "",
                "study_date": _first(each.header.study_date for each in own),
            }
            for key, own in by_study.items()
        ]
    )
    known = {
        "patient_key": phi.excluded.patient_key,
        "accession_number": _learned(
            PhiStudy.accession_number, phi.excluded.accession_number, PhiStudy.study_key.in_(again)
        ),
        "study_date": _learned(PhiStudy.study_date, phi.excluded.study_date, PhiStudy.study_key.in_(again)),
    }
    identified = connection.scalars(
        phi.on_conflict_do_update(
            index_elements=[PhiStudy.study_key],
            set_=known,
            where=tuple_(*(getattr(PhiStudy, name) for name in known)).is_distinct_from(tuple_(*known.values())),
        ).returning(PhiStudy.study_key)
    ).all()
    unsettle(connection, sorted({*written, *identified}))
    return list(written)


def _learned(old: Any, new: Any, again: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return the known value, else the new one; the reverse if read ``again``. An empty text counts as unknown."""
    if isinstance(old.type, String):
        return func.coalesce(_first_known(func.nullif(old, ""), func.nullif(new, ""), again), "")
    return _first_known(old, new, again)


def _first_known(old: Any, new: Any, again: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((again, func.coalesce(new, old)), else_=func.coalesce(old, new))


def _study_row(own: Sequence[IdentityCandidate]) -> dict[str, object]:
    day = _first(candidate.header.study_date for candidate in own)
    return {
        "study_key": own[0].study_key,
        "patient_key": own[0].patient_key,
        "month": day.year * 100 + day.month if day else None,
    }


def _grouped(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    """Return key -> its items, in the order of the keys, so that all writers lock rows in one order."""
    found: dict[str, list[T]] = {}
    for key, item in pairs:
        found.setdefault(key, []).append(item)
    return dict(sorted(found.items()))


def _first(values: Iterable[T | None]) -> T | None:
    """Return the first value that is not empty."""
    return next((value for value in values if value is not None and value != ""), None)
