"""Patients and studies behind videos: pseudonymous rows in core, identifiers in phi."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert as upsert

from echosearch.db.ledger import Claimed
from echosearch.db.tables import Patient, PhiPatient, PhiStudy, PhiVideo, Study
from echosearch.study import VideoHeader

__all__ = ["Candidate", "studies_by_accession", "write_identity"]

TOP_AGE = 90  # ages above are pooled: so few patients share them that they identify


@dataclass(frozen=True)
class Candidate:
    """An inspected file and the pseudonymous keys of what it claims to be."""

    claimed: Claimed
    header: VideoHeader
    patient_key: str
    study_key: str
    video_key: str


def studies_by_accession(connection: Connection, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(accession number, patient id) -> StudyInstanceUID, for those that exactly one study has."""
    rows = connection.execute(
        text(
            "select w.accession, w.patient, min(s.study_uid) as study_uid"
            " from unnest(cast(:accessions as text[]), cast(:patients as text[])) as w(accession, patient)"
            " join phi.study s on s.accession_number = w.accession"
            " join phi.patient p on p.patient_key = s.patient_key and p.patient_id = w.patient"
            " where w.accession <> '' and w.patient <> ''"
            " group by w.accession, w.patient having count(distinct s.study_uid) = 1"
        ),
        {"accessions": [accession for accession, _ in wanted], "patients": [patient for _, patient in wanted]},
    )
    return {(row.accession, row.patient): row.study_uid for row in rows}


def write_identity(connection: Connection, taken: Sequence[Candidate]) -> None:
    """Rows for the patients, studies and videos of these candidates; what is there already stays as it is."""
    if not taken:
        return
    by_patient = {candidate.patient_key: candidate.header for candidate in taken}
    by_study = {candidate.study_key: candidate for candidate in taken}
    patient = upsert(Patient).values(
        [{"patient_key": key, "sex": header.sex} for key, header in sorted(by_patient.items())]
    )
    connection.execute(
        patient.on_conflict_do_update(
            index_elements=[Patient.patient_key],
            set_={"sex": patient.excluded.sex},
            where=Patient.sex.is_(None) & patient.excluded.sex.is_not(None),
        )
    )
    connection.execute(
        upsert(Study)
        .values([_study_row(candidate) for _, candidate in sorted(by_study.items())])
        .on_conflict_do_nothing()
    )
    identified = [
        {
            "patient_key": key,
            "issuer": header.issuer,
            "patient_id": header.patient_id,
            "name": header.patient_name,
            "birth_date": header.birth_date,
        }
        for key, header in sorted(by_patient.items())
        if header.patient_id
    ]
    if identified:
        connection.execute(upsert(PhiPatient).values(identified).on_conflict_do_nothing())
    connection.execute(
        upsert(PhiStudy)
        .values(
            [
                {
                    "study_key": key,
                    "patient_key": candidate.patient_key,
                    "study_uid": candidate.header.study_uid,
                    "accession_number": candidate.header.accession_number,
                    "study_date": candidate.header.study_date,
                }
                for key, candidate in sorted(by_study.items())
            ]
        )
        .on_conflict_do_nothing()
    )
    connection.execute(
        upsert(PhiVideo)
        .values(
            [
                {
                    "video_key": candidate.video_key,
                    "sop_uid": candidate.header.sop_uid,
                    "series_uid": candidate.header.series_uid,
                }
                for candidate in taken
            ]
        )
        .on_conflict_do_nothing()
    )


def _study_row(candidate: Candidate) -> dict[str, object]:
    header = candidate.header
    return {
        "study_key": candidate.study_key,
        "patient_key": candidate.patient_key,
        "month": header.study_date.year * 100 + header.study_date.month if header.study_date else None,
        "age": min(header.age_years, TOP_AGE) if header.age_years is not None else None,
    }
