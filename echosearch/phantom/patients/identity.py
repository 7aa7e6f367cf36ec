"""The modules that every object of a phantom study shares: patient, study, equipment; and UIDs from the seed."""

from __future__ import annotations

import uuid

from pydicom.dataset import Dataset
from pydicom.uid import UID

from echosearch.phantom.patients.history import PhantomStudy

__all__ = ["SYNTHETIC", "common", "study_uid", "uid"]

SYNTHETIC = "SYNTHETIC: drawn by echosearch.phantom; no patient, not for diagnosis"
_NAMESPACE = uuid.UUID("6f7c2c1e-4b0e-5a5e-9b52-2f1f2b1c8d11")


def uid(study: PhantomStudy, part: str) -> UID:
    """Return a UID under 2.25 (PS3.5 B.2), a function of (seed, patient, study, part)."""
    level = "hard/" if study.hard else ""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, f'{level}{study.seed}/{study.patient}/{study.number}/{part}').int}")


def study_uid(study: PhantomStudy) -> str:
    return str(uid(study, "study"))


def common(ds: Dataset, study: PhantomStudy, modality: str, *, series: str, series_number: int) -> None:
    """Set the patient, general study, general series and general equipment modules (PS3.3 C.7)."""
    who = study.who
    ds.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    ds.PatientName = "=".join(who.name) if who else "SYNTHETIC^PHANTOM"
    ds.PatientID = who.patient_id if who else f"PHANTOM-{study.patient:04d}"
    ds.IssuerOfPatientID = who.issuer if who else "PHANTOM"
    ds.PatientBirthDate = who.birth_date.strftime("%Y%m%d") if who else ""
    ds.PatientSex = who.sex if who else "O"
    if who:
        had_birthday = (study.study_date.month, study.study_date.day) >= (who.birth_date.month, who.birth_date.day)
        ds.PatientAge = f"{study.study_date.year - who.birth_date.year - (not had_birthday):03d}Y"
    ds.PatientComments = SYNTHETIC
    ds.StudyInstanceUID = uid(study, "study")
    ds.StudyDate = study.study_date.strftime("%Y%m%d")
    ds.StudyTime = "100000"
    ds.TimezoneOffsetFromUTC = "+0900"
    ds.ReferringPhysicianName = ""
    ds.StudyID = f"{study.number + 1}"
    ds.AccessionNumber = study.accession_number
    ds.StudyDescription = "SYNTHETIC echocardiogram"
    ds.Modality = modality
    ds.SeriesInstanceUID = uid(study, f"series {series}")
    ds.SeriesNumber = series_number
    ds.SeriesDate, ds.SeriesTime = ds.StudyDate, ds.StudyTime
    ds.Manufacturer = study.look.manufacturer
    ds.ManufacturerModelName = study.look.model
    ds.InstitutionName = "SYNTHETIC"
    ds.StationName = "PHANTOM"
    ds.SoftwareVersions = "echosearch.phantom"
