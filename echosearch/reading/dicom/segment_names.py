"""Decide whether a segment of a Segmentation object is the cavity of the left ventricle (PS3.3 section C.8.20.4).

Its code decides; its label only if the code says nothing that contradicts. A label that names the wall or the
epicardium is no cavity, whatever the code: SNOMED's "left ventricular structure" includes the wall.
"""

from __future__ import annotations

import re
import unicodedata

from pydicom.dataset import Dataset

from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS
from echosearch.reading.dicom.elements.values import text

__all__ = ["is_left_ventricle"]

LEFT_VENTRICLE = frozenset({("SCT", "87878005"), ("SRT", "T-32600")})
# what is too general to say which chamber it is: blood, tissue, organ, heart, body structure
GENERAL = frozenset(
    {
        *(("SCT", code) for code in ("87612001", "85756007", "113343008", "80891009", "123037004", "91723000")),
        *(("SRT", code) for code in ("T-C2000", "T-D0050", "T-32000", "T-D000A")),
    }
)
LABEL = re.compile(
    r"(the )?(lv|left ventric(le|ular))( ?(endo(cardi(um|al))?|cavity|chamber|lumen|blood ?pool|pool))*"
    r"( ?(ed|es|edv|esv|end[ -]?(diastole|systole)))?"
    r"|(左心?室|lv)(内腔|内膜|心内膜|腔|血液プール)?(拡張末期|収縮末期)?"
)
WALL = re.compile(r"myo|epi|wall|muscle|mass|心筋|心外膜|外膜|壁")


def is_left_ventricle(segment: Dataset) -> bool:
    """Return True for the cavity of the left ventricle: an item of SegmentSequence (0062,0002)."""
    label = _plain(text(segment, "SegmentLabel"))
    if WALL.search(label):
        return False
    code = _code(segment, "SegmentedPropertyTypeCodeSequence")
    if code in LEFT_VENTRICLE:
        return True
    if code is not None and code not in GENERAL:
        return False
    return _code(segment, "AnatomicRegionSequence") in LEFT_VENTRICLE or LABEL.fullmatch(label) is not None


def _plain(label: str) -> str:
    plain = unicodedata.normalize("NFKC", label).casefold().replace("_", " ")
    return " ".join(plain.replace("-", " ").split()) if plain.isascii() else "".join(plain.split())


def _code(segment: Dataset, keyword: str) -> tuple[str, str] | None:
    """Return (scheme, value) of a code sequence; None if it has no item, ("", "") if it has more than one code."""
    try:
        items = segment.get(keyword) or ()
        if not len(items):
            return None
        found = {(text(item, "CodingSchemeDesignator"), text(item, "CodeValue")) for item in items}
    except VALUE_ERRORS:
        return ("", "")
    return found.pop() if len(found) == 1 else ("", "")
