"""Values of a header as plain Python: strings, numbers, dates, UIDs, ages, Japanese names.

pydicom keeps a wrong date as a string, and a name in the wrong character set as mojibake, without a word;
so nothing here trusts a value that it has not looked at. Unreadable is empty or None, never an exception.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
import uuid
from datetime import date

from pydicom.dataset import Dataset

from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS

__all__ = [
    "age_in_years",
    "clean_uid",
    "display_name",
    "first_number",
    "numbers",
    "parse_birth_date",
    "parse_date",
    "synthetic_uid",
    "text",
    "whole_text",
]

UID_CHARACTERS = re.compile(r"[0-9.]{1,64}")
DATE = re.compile(r"(\d{4})([.\-/]?)(\d{2})\2(\d{2})")
AGE = re.compile(r"(\d{1,3})([YMWD])")
KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
KANA_RUN = re.compile(f"{KANA.pattern}{{2}}")
LATIN_TOUCHES = re.compile(r"[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][a-z]")  # Hélène by the wrong table is H駘鈩e
FIRST_BIRTH = date(1900, 1, 1)  # what databases write where they know no birth date, and all before it
FIRST_STUDY = date(1985, 1, 1)  # before DICOM: the clock of a machine that was never set
OLDEST = 130
AGE_TOLERANCE = 2  # years that PatientAge may be off the dates
UNITS_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


def text(dataset: Dataset, keyword: str) -> str:
    """Return the first value as a string without padding (spaces, NUL)."""
    try:
        value = dataset.get(keyword)
        if value is None:
            return ""
        if not isinstance(value, str) and hasattr(value, "__getitem__") and hasattr(value, "__len__"):
            value = value[0] if len(value) else ""
        return str(value).split("\0", 1)[0].strip()
    except VALUE_ERRORS:
        return ""


def whole_text(dataset: Dataset, keyword: str) -> str:
    """Return the raw value as one string: backslashes, which separate values, and inner NULs are kept."""
    try:
        value = dataset.get(keyword)
        if value is None:
            return ""
        several = not isinstance(value, str) and hasattr(value, "__iter__")
        return ("\\".join(map(str, value)) if several else str(value)).strip(" \0")
    except VALUE_ERRORS:
        return ""


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Return all values as finite floats; [] if one is not a number."""
    try:
        value = dataset.get(keyword)
        if value is None or value == "":
            return []
        items = [value] if isinstance(value, (str, int, float)) or not hasattr(value, "__iter__") else list(value)
        result = [float(item) for item in items]
    except VALUE_ERRORS:
        return []
    return result if all(math.isfinite(item) for item in result) else []


def first_number(dataset: Dataset, keyword: str) -> float | None:
    """Return the first value as a finite float, or None."""
    values = numbers(dataset, keyword)
    return values[0] if values else None


def parse_date(value: str) -> date | None:
    """Parse YYYYMMDD, also with dots, dashes or slashes; None if it is not a calendar date."""
    match = DATE.fullmatch(value.strip(" \0"))
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        return None


def parse_birth_date(value: str, study: date | None) -> date | None:
    """Parse a birth date; None for a placeholder (0001-01-01, 1900-01-01) and for a day after the study."""
    birth = parse_date(value)
    if birth is None or birth <= FIRST_BIRTH or (study is not None and birth > study):
        return None
    return birth


def age_in_years(age: str, birth: date | None, study: date | None) -> int | None:
    """Return whole years from PatientAge (045Y, 018M), or from the dates if it contradicts them or is absent.

    PatientAge "000Y", "999Y" beside a birth date of 1950 are placeholders: an age that is more than two years off
    the dates is no age. ``birth`` is what ``parse_birth_date`` gave.
    """
    stated = _stated_years(age)
    dated: int | None = None
    if birth is not None and study is not None and study >= FIRST_STUDY:
        years = study.year - birth.year - ((study.month, study.day) < (birth.month, birth.day))
        dated = years if 0 <= years <= OLDEST else None
    if dated is not None and (stated is None or abs(stated - dated) > AGE_TOLERANCE):
        return dated
    return int(stated) if stated is not None else None


def _stated_years(age: str) -> float | None:
    match = AGE.fullmatch(age.strip(" \0").upper())
    if match is None or (match[2] == "Y" and not int(match[1])):  # an infant's age is in months, weeks or days
        return None
    years = int(match[1]) / UNITS_PER_YEAR[match[2]]
    return years if years <= OLDEST else None


def clean_uid(value: str) -> str:
    """Return the UID without padding; "" if it is not up to 64 digits and dots. ``1.2.03`` is invalid but kept."""
    stripped = value.split("\0", 1)[0].strip()
    return stripped if UID_CHARACTERS.fullmatch(stripped) and stripped.strip(".") else ""


def synthetic_uid(sha256: bytes) -> str:
    """Return a UID for a file without one, a function of its bytes: 2.25. and a UUID as an integer (PS3.5 annex
    B.2).
    """
    return f"2.25.{uuid.UUID(bytes=hashlib.sha256(b'sop-instance' + sha256).digest()[:16], version=5).int}"


def display_name(raw: bytes, decoded: str) -> str:
    """Return PatientName for people to read, repaired if its character set was declared wrongly. Never for matching.

    Archives hold Shift_JIS bytes under no declaration, ISO_IR 100 or ISO 2022 IR 87 (pydicom then gives
    mojibake without a warning), under ISO_IR 192 (then U+FFFD) and under GB18030 (then rare hanzi), and UTF-8 under
    any. ``raw`` are the stored bytes.
    """
    plain = decoded.split("\0", 1)[0].strip()
    if not any(byte >= 0x80 for byte in raw):
        return plain  # ASCII, or ISO 2022 escapes, which pydicom reads
    of_declared = "\ufffd" not in plain and any(ord(character) > 0xFF for character in plain)
    # no name of another script is Japanese in UTF-8, while UTF-8 under its declaration looks like letters: 螻ｱ逕ｰ
    for encoding in ("utf-8", "cp932") if of_declared else ("utf-8", "cp932", "euc_jp"):
        try:
            candidate = raw.decode(encoding).split("\0", 1)[0].strip()
        except UnicodeDecodeError:
            continue
        if of_declared and encoding == "cp932" and (not KANA_RUN.search(candidate) or KANA.search(plain)):
            continue  # kanji alone could as well be hanzi; two kana are bytes that GB18030 has for hanzi of no name
        if (
            _japanese(candidate)
            and not LATIN_TOUCHES.search(candidate)
            and not any(unicodedata.category(c) in ("Cc", "Co", "Cn") for c in candidate)
        ):
            return candidate
    return plain


def _japanese(value: str) -> bool:
    """At least two kana or kanji, and nothing but those, ASCII and full-width signs."""
    count = 0
    for character in value:
        name = unicodedata.name(character, "")
        if name.startswith(("CJK ", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "IDEOGRAPHIC", "FULLWIDTH")):
            count += 1
        elif ord(character) >= 0x80:
            return False
    return count >= 2
