"""Read identifiers of a header, complete or not at all."""

from __future__ import annotations

from pydicom.dataset import Dataset

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.elements.values import whole_text
from echosearch.video import MAX_IDENTIFIER

__all__ = ["read_identifier"]


def read_identifier(dataset: Dataset, keyword: str) -> str:
    """Return the identifier.

    Raises FileRefused(BAD_HEADER) if it is longer than MAX_IDENTIFIER or holds a NUL: a shortened identifier could be
    another patient's.
    """
    value = whole_text(dataset, keyword)
    if "\0" in value:
        raise FileRefused(Quarantined(Reason.BAD_HEADER, f"{keyword} holds a NUL"))
    if len(value) > MAX_IDENTIFIER:
        raise FileRefused(Quarantined(Reason.BAD_HEADER, f"{keyword} is longer than {MAX_IDENTIFIER} characters"))
    return value
