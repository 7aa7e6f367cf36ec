"""Decide which SOP classes may be an ultrasound cine (PS3.4 section B.5). The class alone never makes a cine."""

from __future__ import annotations

from pydicom.uid import UID

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom.elements.dataset import DICOMDIR_CLASS, Parsed
from echosearch.reading.dicom.elements.values import text

__all__ = ["is_structured_report", "refuse_other_classes"]

STORAGE = "1.2.840.10008.5.1.4.1.1."
STRUCTURED_REPORTS = STORAGE + "88."
ULTRASOUND = frozenset(STORAGE + end for end in ("3.1", "6.1", "3", "6"))  # multi-frame, image; retired: 3 and 6
VOLUMES = frozenset(STORAGE + end for end in ("6.2", "6.3"))  # Enhanced US Volume, Photoacoustic
SECONDARY_CAPTURES = frozenset(STORAGE + end for end in ("7", "7.1", "7.2", "7.3", "7.4"))
ULTRASOUND_MODALITIES = frozenset({"US", "IVUS", "ES", "OT", ""})  # a screen grab is often labelled OT, or nothing


def is_structured_report(sop_class: str, parsed: Parsed) -> bool:
    """Return True for the class of a structured report, unless a cut header may have cut the class."""
    return sop_class.startswith(STRUCTURED_REPORTS) and not _may_be_cut(sop_class, parsed)


def refuse_other_classes(sop_class: str, parsed: Parsed, allow_secondary_capture: bool) -> None:
    """Return for what may be an ultrasound cine; raise FileRefused for every other class."""
    if sop_class in ULTRASOUND:
        return
    if sop_class in VOLUMES:
        raise FileRefused(Skipped(Reason.VOLUME))
    if sop_class in SECONDARY_CAPTURES:
        modality = text(parsed.dataset, "Modality").upper()
        if allow_secondary_capture and modality in ULTRASOUND_MODALITIES:
            return
        if modality in ULTRASOUND_MODALITIES:
            raise FileRefused(Skipped(Reason.SECONDARY_CAPTURE, "may hold screen grabs with identifiers; opt-in"))
        raise FileRefused(Skipped(Reason.NOT_A_CINE_CLASS, "secondary capture of another modality"))
    if sop_class == DICOMDIR_CLASS:
        raise FileRefused(Skipped(Reason.DICOMDIR))
    cut = parsed.is_truncated and parsed.pixel_tag is None
    if sop_class and not _may_be_cut(sop_class, parsed):
        raise FileRefused(Skipped(Reason.NOT_A_CINE_CLASS, f"SOP class {sop_class}"))
    if cut or not len(parsed.dataset):
        raise FileRefused(Quarantined(Reason.TRUNCATED, "the file ends within its header"))
    if text(parsed.dataset, "Modality").upper() in ("US", "IVUS") and parsed.pixel_tag is not None:
        return  # an ultrasound image that lost its class is still one
    raise FileRefused(Quarantined(Reason.BAD_HEADER, "SOPClassUID (0008,0016) is missing"))


def _may_be_cut(sop_class: str, parsed: Parsed) -> bool:
    """Return True if a cut header may hold a cut UID."""
    return parsed.is_truncated and parsed.pixel_tag is None and UID(sop_class).name == sop_class
