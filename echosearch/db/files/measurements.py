"""Measurements of structured reports: stored with their file, believed once their patient is known to be the study's.

They are written with the outcome of the file, for the study that it names, whether that is here yet or not; a claim of
the file forgets them. At the end of an ingest each report is held against its study's patient, so the order in which
files came does not matter: two ids, or two issuers, that differ are two patients (as in admission/study_owner.py). What
is of a study in conflict is not believed either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from echosearch.db.server.statement import statement
from echosearch.outcome import Measured, MeasuredValue
from echosearch.pseudonyms import Keyring

__all__ = ["forget_measurements", "measurements_of", "put_measurements", "trust_measurements"]


def put_measurements(connection: Connection, keyring: Keyring, reports: Mapping[int, Measured]) -> None:
    """Store what these files (by id) measured; they were forgotten when the files were claimed."""
    if not reports:
        return
    connection.execute(
        text(
            "insert into phi.sr_file (file_id, study_key, issuer, patient_id)"
            " values (:file, cast(:study as uuid), :issuer, :patient)"
        ),
        [
            {"file": file, "study": keyring.study(one.study_uid), "issuer": one.issuer, "patient": one.patient_id}
            for file, one in reports.items()
        ],
    )
    connection.execute(
        text(
            "insert into core.sr_value (file_id, study_key, concept, value, unit)"
            " values (:file, cast(:study as uuid), :concept, :value, :unit)"
        ),
        [
            {"file": file, "study": keyring.study(one.study_uid), "concept": each.concept, "value": each.value,
             "unit": each.unit}
            for file, one in reports.items() for each in one.values
        ],
    )  # fmt: skip


def forget_measurements(connection: Connection, file_ids: Sequence[int]) -> None:
    """Forget what these files measured."""
    connection.execute(
        text(
            "with gone as (delete from phi.sr_file where file_id = any(:files))"
            " delete from core.sr_value where file_id = any(:files)"
        ),
        {"files": list(file_ids)},
    )


def trust_measurements(connection: Connection) -> int:
    """Compare every report with its study's patient; return how many answers changed."""
    fits = (
        "coalesce(not s.conflict and (m.patient_id = '' or p.patient_id is null or (m.patient_id = p.patient_id"
        " and (m.issuer = '' or p.issuer = '' or m.issuer = p.issuer))), false)"
    )
    changed = connection.execute(
        text(
            "update phi.sr_file f set trusted = t.fits from ("
            f" select m.file_id, {fits} as fits from phi.sr_file m left join core.study s using (study_key)"
            " left join phi.patient p on p.patient_key = s.patient_key) t"
            " where t.file_id = f.file_id and f.trusted <> t.fits returning f.file_id"
        )
    )
    files = list(changed.scalars())
    if files:
        connection.execute(
            text(
                "update core.sr_value v set trusted = f.trusted from phi.sr_file f"
                " where f.file_id = v.file_id and f.file_id = any(:files)"
            ),
            {"files": files},
        )
    return len(files)


def measurements_of(connection: Connection, studies: Sequence[str]) -> dict[str, list[MeasuredValue]]:
    """Return what the believed reports of these studies measured, by concept; a repeated value once."""
    rows = connection.execute(
        statement(
            "select distinct cast(study_key as text) as study, concept, value, unit from core.sr_value"
            " where trusted and study_key = any(cast(:keys as uuid[])) order by 1, 2, 3"
        ),
        {"keys": list(studies)},
    )
    found: dict[str, list[MeasuredValue]] = {}
    for row in rows:
        found.setdefault(row.study, []).append(MeasuredValue(row.concept, row.value, row.unit))
    return found
