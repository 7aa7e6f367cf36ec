"""Tables: a line that names columns, and rows whose cells are read under them.

弁        狭窄  逆流          項目  今回  前回        項目  2024/5/1  2023/4/3
僧帽弁    なし  II度          EF    41    48          EF    41        48
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Columns", "TableCell", "columns", "has_columns", "row"]

_LONGEST = 120  # characters of a line
_MOST = 8  # columns: what a row may cost is bounded
Columns = tuple[str, ...]  # of each column: "now", "before", "unit", "range", or what of a valve it tells

_NOW = "今回|本日|今日|術後|治療後|退院時"
_BEFORE = "前々?回|一?昨年|前年|術前|治療前|入院時|初回|初診時"
_TODAY = re.compile(rf"(?:{_NOW})(?:値|測定値|計測値)?(?:\([^()\s]*\))?")
_EARLIER = re.compile(rf"(?:{_BEFORE})(?:値|測定値|計測値)?(?:\([^()\s]*\))?")
_DATE = re.compile(
    r"\(?(20\d\d|[RH令平]\w{0,2}?\d{1,2}|\d\d(?=[/.年]\d{1,2}[/.月]\d))(?:[/.年-](\d{1,2}))?(?:[/.月-](\d{1,2}))?[年月日]?\)?"
)
_ERAS = {"R": 2018, "令": 2018, "H": 1988, "平": 1988}
_UNITS = ("単位", "unit", "Unit")
_RANGES = ("基準値", "基準範囲", "正常値", "参考値", "基準")
_OF_VALVES = ("狭窄", "逆流", "石灰化", "逸脱")
_FIRST = re.compile(r"(?:計測|測定|検査)?(?:項目|値|指標)|計測|測定|パラメータ|指標|弁(?:膜|名)?|部位")
_HEADING = re.compile(
    rf"(?:{_NOW}|{_BEFORE})[^\n。、]{{0,30}} (?:{_NOW}|{_BEFORE})"
    r"|(?:狭窄|逆流|石灰化|逸脱) +(?:狭窄|逆流|石灰化|逸脱)"
    r"|(?:20|[RH令平]|\d\d[/.]\d)[\w/.()-]{1,10} +\(?(?:20|[RH令平]|\d\d[/.]\d)[\w/.-]{1,10}"
)
_UNIT = r"%|mmHg|mm\^?2|cm\^?2|mm|cm|m/s|cm/s|m[lL]/m\^?2|m[lL]|ms(?:ec)?|g/m\^?2|g|bpm|/min"
_NUMBER = rf"(?:約|<=?|>=?)?\d+(?:\.\d+)?(?:[-~]\d+(?:\.\d+)?)?(?: ?(?:{_UNIT}))?"
_GRADE = (
    r"(?:ごく)?軽度|中等度|中等症|高度|重度|重症|軽症|微量|少量|中等量|大量|わずか|軽度[-~]中等度|中等度[-~]高度"
    r"|trivial|trace|mild|moderate|severe|mild[-~]moderate|moderate[-~]severe"
    r"|(?:I{1,3}V?|IV|[1-4])(?:[-~](?:I{1,3}V?|IV|[1-4]))?(?:度|°|/IV|/III|/4|\+)|I{1,3}|IV|\(?±\)?"
)
_SAID = r"なし|無し?|あり|有り?|-|--|\(-\)|\(\+\)|\+|正常|良好|低下|異常|none|n\.?p\.?|WNL"
_CELLS = {"unit": rf"{_UNIT}|-", "range": rf"{_NUMBER}|-"}
_TELLS = re.compile(rf"{_NUMBER}|{_GRADE}")


class TableCell(NamedTuple):
    """A statement that a cell makes under its column, and the row's half-open span that it is read from."""

    statement: str
    start: int
    end: int


def has_columns(text: str) -> bool:
    """Return whether a text may hold a table: cheap, so that other texts are read at their speed."""
    return "\n" in text and _HEADING.search(text) is not None


def columns(line: str) -> Columns | None:
    """Return the columns that a line names and nothing else; None where it is no heading line."""
    if len(line) > _LONGEST:
        return None
    words = line.rsplit("\n", 1)[-1].split()  # a heading with a colon takes the next line with it
    if words and _FIRST.fullmatch(words[0]):
        words = words[1:]
    kinds = _of_days(words) or tuple(_kind(word) for word in words)
    if "" in kinds or len(kinds) > _MOST:
        return None
    told = {kind for kind in kinds if kind in ("now", "before", *_OF_VALVES)}
    days = {"now", "before"}
    if len(told) < 2 or (told & days and (not days <= told or told - days or kinds.count("now") > 1)):
        return None
    return kinds


def _of_days(words: list[str]) -> Columns | None:
    """Columns that are dates: the newest is today's, the others are earlier ones. None where they are others."""
    dates = [_date(word) for word in words]
    days = [date for date in dates if date is not None]
    if len(days) < 2 or len({*days}) < len(days):
        return None
    kinds = (
        _kind(word) if date is None else "now" if date == max(days) else "before"
        for word, date in zip(words, dates, strict=True)
    )
    return tuple(kinds)


def _date(word: str) -> tuple[int, int, int] | None:
    match = _DATE.fullmatch(word)
    if match is None:
        return None
    digits = re.sub(r"\D", "", match[1])
    year = int(digits) + (_ERAS.get(match[1][0], 2000) if len(digits) < 4 else 0)
    return year, int(match[2] or 0), int(match[3] or 0)


def _kind(word: str) -> str:
    if word in _OF_VALVES:
        return word
    if word in _UNITS:
        return "unit"
    if word in _RANGES:
        return "range"
    return "now" if _TODAY.fullmatch(word) else "before" if _EARLIER.fullmatch(word) else ""


@lru_cache(64)
def _shape(heads: Columns) -> re.Pattern[str]:
    cells = "".join(rf" +({_CELLS.get(head, f'{_NUMBER}|{_GRADE}|{_SAID}')})" for head in heads)
    return re.compile(rf"\s*(\S(?:[^\n]{{0,38}}?\S)??){cells}\s*")


def row(line: str, heads: Columns) -> list[TableCell] | None:
    """Return what the cells of a row state under its table's columns; None where the line is no row of it.

    An earlier day's number or grade is told; that it was normal, absent or there is no statement of its own.
    """
    match = _shape(heads).fullmatch(line) if len(line) <= _LONGEST else None
    if match is None or re.search(r"\s\d+(?:\.\d+)?$", match[1]):
        return None
    unit = next((match[place] for place, head in enumerate(heads, 2) if head == "unit"), "-")
    cells = []
    for place, head in enumerate(heads, 2):
        said = match[place]
        if head in ("unit", "range") or (said in ("-", "--") and head in ("now", "before")):
            continue
        if unit != "-" and said[-1].isdigit():
            said += unit
        if head in _OF_VALVES:
            statement = f"{match[1]}の{head}: {said}"
        elif head == "now":
            statement = f"{match[1]}: {said}"
        elif _TELLS.fullmatch(match[place]):
            statement = f"前回 {match[1]}: {said}"
        else:
            continue
        cells.append(TableCell(statement, match.start(1), match.end(place)))
    return cells
