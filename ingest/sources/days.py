"""A range of study dates, as DICOM writes it: 2015-, 2015-2019, 20150401-20160331, 202404."""

from __future__ import annotations

import re
from datetime import date, timedelta

from echosearch.errors import InputError

__all__ = ["read_days"]

WRITTEN = re.compile(r"([0-9]{4}(?:[0-9]{2}){0,2})(-([0-9]{4}(?:[0-9]{2}){0,2})?)?")


def read_days(written: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a range; one without an end goes to ``today``. Raises InputError."""
    found = WRITTEN.fullmatch(written.strip())
    try:
        if found is None:
            raise ValueError
        begin, dash, end = found.groups()
        first = _first(begin)
        last = min(today, _last(end or begin)) if end or not dash else today
        if first > last:
            raise ValueError
    except ValueError as exc:
        raise InputError(
            f"--study-date {written!r} is no range of days: write 2015-, 2015-2019 or 20150401-20160331"
        ) from exc
    return first, last


def _first(day: str) -> date:
    return date(int(day[:4]), int(day[4:6] or 1), int(day[6:8] or 1))


def _last(day: str) -> date:
    if len(day) == 8:
        return _first(day)
    following = f"{int(day[:4]) + 1}" if len(day) == 4 or day[4:] == "12" else f"{int(day) + 1}"
    return _first(following) - timedelta(days=1)
