"""Read a structured report of an export: skipped as no cine, but its measurements are kept.

A report counts if its template is TID 5200 or 5300, or if its root is "adult echocardiography procedure report"
(125200, DCM), whatever its SOP class. Nothing in it can fail its reading: what cannot be followed is no measurement.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from echosearch.outcome import Measured, Reason, Skipped
from echosearch.reading.dicom.echo_values import echo_values
from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS, Parsed, parse
from echosearch.reading.dicom.elements.hospital import read_hospital
from echosearch.reading.dicom.elements.identifier import read_identifier
from echosearch.reading.dicom.elements.values import clean_uid, text
from echosearch.reading.dicom.measurements import measurements_in
from echosearch.reading.files import ByteReader
from echosearch.reading.limits import MAX_REPORT_BYTES

__all__ = ["read_report"]

TEMPLATES = ("5200", "5300")
ROOT = ("125200", "DCM")


def read_report(parsed: Parsed, reader: ByteReader, sop_class: str, issuer: str) -> Skipped:
    """Return the reason why a report is not a cine; Measured if it has measurements. Call within ``quiet()``.

    ``issuer`` is used if the file names none. The detail says more than the class, so that a file that was read
    differs from a file that an older version skipped unread (ledger.states).
    """

    def skipped(why: str) -> Skipped:
        return Skipped(Reason.NOT_A_CINE_CLASS, f"SOP class {sop_class}, {why}")

    try:
        if not _is_echo_report(parsed.dataset):
            return skipped("no echo measurements")
        if parsed.is_truncated or reader.size > MAX_REPORT_BYTES:
            return skipped("the file is cut" if parsed.is_truncated else f"larger than {MAX_REPORT_BYTES} bytes")
        content = parsed.dataset.get_item("ContentSequence", keep_deferred=True)
        stepped_over = content is not None and content.value is None
        dataset = parse(reader, MAX_REPORT_BYTES).dataset if stepped_over else parsed.dataset
        study_uid = clean_uid(text(dataset, "StudyInstanceUID"))
        if not study_uid:
            return skipped("names no study")
        values = echo_values(measurements_in(dataset))
        if not values:
            return skipped("no echo measurements")
        return Measured(
            Reason.NOT_A_CINE_CLASS,
            f"SOP class {sop_class}, {len(values)} measurements",
            study_uid,
            read_identifier(dataset, "PatientID"),
            read_identifier(dataset, "IssuerOfPatientID") or read_hospital(dataset).authority or issuer,
            values,
        )
    except Exception as exc:  # MemoryError too: a report that is out of all proportion must not end its worker
        return skipped(f"measurements cannot be read ({type(exc).__name__})")


def _is_echo_report(dataset: Dataset) -> bool:
    return any(
        text(item, "TemplateIdentifier") in TEMPLATES and text(item, "MappingResource") in ("DCMR", "")
        for item in _items(dataset, "ContentTemplateSequence")
    ) or any(
        (text(item, "CodeValue"), text(item, "CodingSchemeDesignator")) == ROOT
        for item in _items(dataset, "ConceptNameCodeSequence")
    )


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    try:
        return list(dataset.get(keyword) or ())[:2]
    except VALUE_ERRORS:
        return []
