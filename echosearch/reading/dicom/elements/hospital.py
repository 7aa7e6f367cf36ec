"""Read who issued a patient id and where a study was made, to distinguish two patients of one number.

IssuerOfPatientID (0010,0021) is a name and often absent. IssuerOfPatientIDQualifiersSequence (0010,0024) may give the
same authority as a UID, URI or other universal id (PS3.3 section 10.14), which no two authorities share.
"""

from __future__ import annotations

import unicodedata

from pydicom.dataset import Dataset

from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS
from echosearch.reading.dicom.elements.values import whole_text
from echosearch.video import MAX_IDENTIFIER, Hospital

__all__ = ["read_hospital"]


def read_hospital(dataset: Dataset) -> Hospital:
    """Return the authority's universal id, and the institution's name and address; "" for what the file lacks."""
    return Hospital(
        authority=_plain(_qualifiers(dataset), "UniversalEntityID"),
        name=_plain(dataset, "InstitutionName"),
        address=_plain(dataset, "InstitutionAddress"),
    )


def _qualifiers(dataset: Dataset) -> Dataset:
    try:
        items = dataset.get("IssuerOfPatientIDQualifiersSequence")
        return items[0] if items and isinstance(items[0], Dataset) else Dataset()
    except VALUE_ERRORS:
        return Dataset()


def _plain(dataset: Dataset, keyword: str) -> str:
    """In one form, however it was typed: width, case and blanks do not make another hospital."""
    value = unicodedata.normalize("NFKC", whole_text(dataset, keyword)).casefold().replace("\0", " ")
    return " ".join(value.encode("utf-8", "replace").decode().split())[:MAX_IDENTIFIER]
