"""Conditions on age, sex and date that a query names, in the language of --where."""

from __future__ import annotations

import re
from calendar import monthrange

from echosearch.errors import InputError
from echosearch.report.facts import Demographic

__all__ = ["people_where"]

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def people_where(demographics: tuple[Demographic, ...]) -> str:
    """Write conditions on age, sex and date in the filter's language, so that both mean the same; empty: none.

    Raises InputError on a day that is not where a month begins or ends.
    """
    return " and ".join(map(_condition, demographics))


def _condition(one: Demographic) -> str:
    if one.value_hi is None:
        return f"{one.field} {one.op} {_month(one.value, one.op)}"
    inside = f"{one.field} >= {_month(one.value, '>=')} and {one.field} <= {_month(one.value_hi, '<=')}"
    return f"not ({inside})" if one.op == "!=" else inside  # 60代以外


def _month(value: str | int | None, op: str) -> str | int | None:
    """Return the month in place of a day that means the same: from its first day on, up to its last."""
    day = _DAY.fullmatch(value) if isinstance(value, str) else None
    if day is None:
        return value
    year, month, number = map(int, day.groups())
    first, last = number == 1, number == monthrange(year, month)[1]
    if (op in (">=", "<") and first) or (op in ("<=", ">") and last):
        return f"{day[1]}-{day[2]}"
    raise InputError(
        f"the query names the day {value}, and the index keeps months, not days: ask for a month, such as"
        f" {day[1]}-{day[2]}"
    )
