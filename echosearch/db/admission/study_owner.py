"""Whose a study is: the patient that its files name, as far as they name one.

Not every file names id and issuer. An mp4 without a patient id, or a DICOM file without IssuerOfPatientID, belongs to
its study's patient; only two ids, or two issuers, that differ are a conflict. Of owners that agree the fullest counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, text

from echosearch.db.files.backing import NAMES_PATIENT
from echosearch.db.studies.identity import IdentityCandidate

__all__ = ["StudyOwner", "belonging", "known_owners"]


@dataclass(frozen=True)
class StudyOwner:
    """A study's patient. Prints no identifier."""

    patient_key: str
    issuer: str
    patient_id: str  # "" for the unnamed patient of one study
    conflict: bool = False  # two patients claim the study

    def __repr__(self) -> str:
        return f"StudyOwner({self.patient_key!r}{', conflict' if self.conflict else ''})"

    @classmethod
    def of(cls, candidate: IdentityCandidate) -> StudyOwner:
        """Return the owner that one file names."""
        return cls(candidate.patient_key, candidate.header.issuer, candidate.header.patient_id)

    def fits(self, other: StudyOwner) -> bool:
        """Return True if both can be one patient: no value that both name differs."""
        if not self.patient_id or not other.patient_id:
            return True
        one_issuer = not self.issuer or not other.issuer or self.issuer == other.issuer
        return self.patient_id == other.patient_id and one_issuer

    @property
    def surety(self) -> tuple[bool, bool]:
        return bool(self.patient_id), bool(self.issuer)


def known_owners(connection: Connection, study_keys: Sequence[str]) -> dict[str, StudyOwner]:
    """Return study key -> owner, of studies that have a video, one of two contents among them, or are in conflict.

    A study without any has no owner: its files were corrected, or were never read.
    """
    rows = connection.execute(
        text(
            "select cast(s.study_key as text) as study, cast(s.patient_key as text) as patient, s.conflict,"
            " coalesce(p.issuer, '') as issuer, coalesce(p.patient_id, '') as patient_id"
            " from core.study s left join phi.patient p on p.patient_key = s.patient_key"
            " where s.study_key = any(cast(:keys as uuid[])) and (s.conflict or exists ("
            "  select from core.video v join core.source_file f on f.video_key = v.video_key"
            f"   and {NAMES_PATIENT} where v.study_key = s.study_key))"
        ),
        {"keys": list(study_keys)},
    )
    return {row.study: StudyOwner(row.patient, row.issuer, row.patient_id, row.conflict) for row in rows}


def belonging(candidate: IdentityCandidate, owner: StudyOwner) -> IdentityCandidate:
    """Return the candidate as a file of its study's owner."""
    header = replace(candidate.header, issuer=owner.issuer, patient_id=owner.patient_id)
    return replace(candidate, patient_key=owner.patient_key, header=header)
