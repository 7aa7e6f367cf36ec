"""Changes in a query, and those of measurements: EFが1年以内に10以上低下, EF低下が10%以上, drop in EF > 10%.

They are read before the query's other numbers are. Those of findings are in finding_change.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from echosearch.report.facts.lexicon.lexicon import Lexicon, Measure
from echosearch.report.facts.text.tokens import tokens

__all__ = [
    "BEFORE",
    "NUMBERS",
    "ChangeCondition",
    "ChangeKind",
    "Period",
    "Read",
    "changes_of_values",
    "measures_in",
    "period_near",
    "windows",
]

ChangeKind = Literal["new", "gone", "worse", "better", "falls", "rises"]


@dataclass(frozen=True)
class ChangeCondition:
    """A study differs from an earlier one of its patient.

    new, gone       a finding that is stated, or denied, and was not before
    worse, better   a finding's grade, by ``amount`` grades or more
    falls, rises    a measurement, by ``amount`` of its unit or more; None: by any amount

    With ``within_months`` the other may be any earlier study of that time, else it is the last that speaks of the
    concept.
    """

    concept: str
    kind: ChangeKind
    amount: float | None = None
    unit: str | None = None
    within_months: int | None = None


Read = tuple[ChangeCondition, list[tuple[int, int]]]  # a change and the places of its words
Period = tuple[int, int, int]  # [start, end) of its words, and months

NUMBERS = {"半": 0.5, "一": 1, "二": 2, "三": 3, "両": 2, "half": 0.5, "a": 1, "an": 1, "one": 1, "two": 2, "three": 3}
_MONTHS = {"年": 12.0, "月": 1.0, "週": 12 / 52, "日": 12 / 365, "y": 12.0, "m": 1.0, "w": 12 / 52, "d": 12 / 365}
_N = r"(?:\d+(?:\.\d+)?|半|一|二|三|両)"
_WINDOW = re.compile(
    rf"(?P<n>{_N})\s*(?P<unit>年|[かヶカヵケ]月|週|日)間?(?:半)?\s*(?:以内|のうち|の間|で(?!も))\s*(?:に|の)?"
    r"|within\s+(?P<en>\d+(?:\.\d+)?|half|an?|one|two|three)(?:\s+a)?\s+(?P<eu>y|m|w|d)(?:ears?|onths?|eeks?|ays?)\b",
    re.IGNORECASE,
)
BEFORE = r"(?:前回(?:検査|エコー)?(?:より|から|と?比べて?|と比較(?:し(?:て)?)?|に比べて?)(?:も|、)?)"
_NUMBER = r"\d+(?:\.\d+)?"
_UNIT = r"%|ポイント|点|points?|mmHg|mm|cm|mL/m2|mL|m/s|cm2|ms"
_OR_MORE = r"(?:以上|or more|を?(?:超え|こえ)(?:て|る)?|も)"
_FALLS = r"低下|減少|下降|縮小|悪化"
_RISES = r"上昇|増加|増大|拡大|回復|改善"
_DONE = r"(?:した|している|して|し(?=[、 ])|する|を認める|が?ある|あり|した?もの)?"
_BY = r"(?:by|of|at least|more than|over|>=?)"
# EF低下が10%以上, EF低下 >10%: no value below 10 % is meant; EF低下 35%以下 is a finding and a value
_AS_NOUN = (
    rf"\s*の?(?:(?P<nfalls>{_FALLS})|(?P<nrises>{_RISES})(?=\s*(?:[がは]|幅|量|>)))\s*(?:幅|量)?\s*[がは]?\s*"
    rf"(?:(?P<over>>=?)\s*)?(?P<namount>{_NUMBER})\s*(?P<nunit>{_UNIT})?\s*(?(over)|{_OR_MORE})"
)
_TAIL = re.compile(
    rf"{_AS_NOUN}"
    rf"|\s*(?:が|は|の|を)?\s*{BEFORE}?\s*(?:(?P<amount>{_NUMBER})\s*(?P<unit>{_UNIT})?\s*{_OR_MORE}?)?\s*(?:の|も)?\s*"
    rf"(?:(?P<falls>{_FALLS})|(?P<rises>{_RISES})){_DONE}"
    r"|\s*(?:(?P<efalls>fell|falls?|falling|dropped|decreased?|declined?)|(?P<erises>rose|rises?|increased?|improved?)"
    rf"|(?P<enoun_falls>drop(?:s|ping)?|decreas(?:es|ing)|declin(?:es|ing)|reduc(?:ed|tion))(?=\s*{_BY})"
    rf"|(?P<enoun_rises>increas(?:es|ing)|improv(?:es|ing|ement))(?=\s*{_BY}))"
    rf"(?:\s*{_BY})*\s*(?P<eamount>{_NUMBER})\s*(?P<eunit>%|points?|mmHg|mm|cm)?"
    r"\s*(?:points?)?\s*(?:or more)?",
    re.IGNORECASE,
)
_LEAD = re.compile(rf"{BEFORE}\s*$")
_LED = re.compile(  # 前回より10%以上低下したEF
    rf"(?<![がはも])(?P<before>{BEFORE})?\s*(?:(?P<amount>{_NUMBER})\s*(?P<unit>{_UNIT})?\s*{_OR_MORE}?)?\s*(?:の|も)?\s*"
    rf"(?:(?P<falls>{_FALLS})|(?P<rises>{_RISES}))し(?:た|ている)\s*$"
)
_ENGLISH_LED = re.compile(
    r"\b(?:(?P<falls>drops?|fall|decrease|decline|reduction)|(?P<rises>rise|increase|improvement))\s+(?:in|of)\s+$",
    re.IGNORECASE,
)
_ENGLISH_AMOUNT = re.compile(
    rf"(?:\s*{_BY})+\s*(?P<amount>{_NUMBER})\s*(?P<unit>{_UNIT})?\s*(?:or more)?", re.IGNORECASE
)
_POINTS = frozenset({"ポイント", "点", "point", "points"})


def windows(text: str) -> list[Period]:
    """Return the periods of a uniform text, [start, end) and months rounded up: 1年以内に, within 6 months."""
    found = []
    for match in _WINDOW.finditer(text):
        count, unit = match["n"] or match["en"].lower(), match["unit"] or match["eu"].lower()
        months = (NUMBERS[count] if count in NUMBERS else float(count)) * _MONTHS[unit[-1]]
        found.append((*match.span(), max(int(-(-months // 1)), 1)))
    return found


def changes_of_values(text: str, lexicon: Lexicon, periods: Sequence[Period]) -> list[Read]:
    """Find the changes of measurements in a text whose ``periods`` are blank; they are no other conditions."""
    found: list[Read] = []
    for token in tokens(text, lexicon, query=True):
        name = token.measure or (token.value if token.kind == "measure" else None)
        measure = lexicon.measures.get(name or "")  # LVDd/Ds is a pair, and no measure
        if measure is not None and (read := _change_of(text, measure, token.start, token.end, periods)):
            found.append(read)
    return found


def _change_of(text: str, measure: Measure, start: int, end: int, periods: Sequence[Period]) -> Read | None:
    """Return the change of the measurement that is named at [start, end) of a text; None if none is told."""
    told = _told(text, start, end)
    if told is None:
        return None
    kind, amount, unit, begin, until, compared = told
    period = period_near(periods, begin, until)
    if amount is None and period is None and not compared:
        return None  # EF低下 is a finding
    factor = _factor(measure, unit)
    if factor is None:
        return None
    by = None if amount is None else float(amount) * factor
    made = ChangeCondition(measure.id, kind, by, measure.unit, None if period is None else period[2])
    return made, [(begin, until), *([period[:2]] if period else [])]


_Told = tuple[Literal["falls", "rises"], str | None, str | None, int, int, bool]


def _told(text: str, start: int, end: int) -> _Told | None:
    """Return kind, amount, unit, [start, end) of the words, and whether they compare with the study before."""
    led = _LED.search(text, 0, start)
    if led is not None and (led["before"] or led["amount"]):
        kind: Literal["falls", "rises"] = "falls" if led["falls"] else "rises"
        return kind, led["amount"], led["unit"], led.start(), end, True
    noun, by = _ENGLISH_LED.search(text, 0, start), _ENGLISH_AMOUNT.match(text, end)
    if noun is not None and by is not None:
        return "falls" if noun["falls"] else "rises", by["amount"], by["unit"], noun.start(), by.end(), False
    match, lead = _TAIL.match(text, end), _LEAD.search(text, 0, start)
    if match is None:
        return None
    falls = match["falls"] or match["nfalls"] or match["efalls"] or match["enoun_falls"]
    amount = match["amount"] or match["namount"] or match["eamount"]
    unit = match["unit"] or match["nunit"] or match["eunit"]
    begin = lead.start() if lead else start
    return "falls" if falls else "rises", amount, unit, begin, match.end(), lead is not None or "前回" in match[0]


def measures_in(text: str, lexicon: Lexicon) -> list[str]:
    """Return the measurements that a text names, once each: EF, 左室駆出率."""
    found = [
        token.measure or token.value
        for token in tokens(text, lexicon, query=True)
        if token.measure or token.kind == "measure"
    ]
    return list(dict.fromkeys(found))


def period_near(periods: Sequence[Period], start: int, end: int) -> Period | None:
    """Return the period inside [start, end) or just beside it."""
    return next((one for one in periods if start - 3 <= one[1] and one[0] <= end + 3), None)


def _factor(measure: Measure, unit: str | None) -> float | None:
    """What an amount is multiplied by to be in the measure's unit; None for a unit that it has not."""
    if unit is None or unit == measure.unit or (unit in _POINTS and measure.unit == "%"):
        return 1.0
    return dict(measure.factors).get(unit.lower())
