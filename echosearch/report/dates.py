"""Dates as Japanese systems write them, read by ourselves: no guessing, no locale.

2024-04-01  2024/4/1  2024.4.1  20240401  2024年4月1日  令和6年4月1日  R6.4.1  H31/4/30  2024/04/01 10:32:00
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

__all__ = ["read_date"]

# era -> first day, last day (both included); the last of 令和 is not known yet
_ERAS = {
    "明治": (date(1868, 10, 23), date(1912, 7, 29)),
    "大正": (date(1912, 7, 30), date(1926, 12, 24)),
    "昭和": (date(1926, 12, 25), date(1989, 1, 7)),
    "平成": (date(1989, 1, 8), date(2019, 4, 30)),
    "令和": (date(2019, 5, 1), date(2099, 12, 31)),
}
_LETTERS = dict(zip("MTSHR", _ERAS, strict=True))
_YEARS = range(1900, 2100)

_TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"  # an exported time of day is read over
_COMPACT = re.compile(rf"(\d{{4}})(\d{{2}})(\d{{2}}){_TIME}")
_WESTERN = re.compile(rf"(\d{{4}})(?:([-/.])(\d{{1,2}})\2(\d{{1,2}})|年(\d{{1,2}})月(\d{{1,2}})日){_TIME}")
_JAPANESE = re.compile(
    rf"([MTSHR]|明治|大正|昭和|平成|令和)(元|\d{{1,2}})(?:([-/.])(\d{{1,2}})\3(\d{{1,2}})|年(\d{{1,2}})月(\d{{1,2}})日){_TIME}"
)


def read_date(text: str) -> date:
    """Return the day that ``text`` names. Raises ValueError with the rule it breaks, never with the text itself."""
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    if match := _COMPACT.fullmatch(plain):
        year, month, day = (int(part) for part in match.groups())
    elif match := _WESTERN.fullmatch(plain):
        year, month, day = int(match[1]), int(match[3] or match[5]), int(match[4] or match[6])
    elif match := _JAPANESE.fullmatch(plain):
        era = _LETTERS.get(match[1], match[1])
        first, last = _ERAS[era]
        year = first.year - 1 + (1 if match[2] == "元" else int(match[2]))
        made = _day(year, int(match[4] or match[6]), int(match[5] or match[7]))
        if not first <= made <= last:
            raise ValueError(f"no such day in {era} ({first} to {last})")
        return made
    else:
        raise ValueError("not a date: write 2024-04-01, 2024/4/1, 20240401, 令和6年4月1日 or R6.4.1")
    if year not in _YEARS:
        raise ValueError(f"year is not within {_YEARS[0]} to {_YEARS[-1]}")
    return _day(year, month, day)


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError("no such day in the calendar") from None
