"""Changes in a query, and those of measurements: EFが1年以内に10以上低下, EF低下が10%以上, drop in EF > 10%.

They are read before the query's other numbers are. Those of findings are in finding_change.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from echosearch.report.facts.lexicon.lexicon import Lexicon, Measure
from echosearch.report.facts.reader.numbers.site import SITED
from echosearch.report.facts.reader.state import SITES
from echosearch.report.facts.text.tokens import Token, tokens

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
_N = r"(?:\d{1,3}(?:\.\d+)?|半|一|二|三|両)"
_WINDOW = re.compile(
    rf"(?<!\d)(?P<n>{_N})\s*(?P<unit>年|[かヶカヵケ]月|週|日)間?(?:半)?\s*(?:(?:以内|のうち|の間|で(?!も))\s*(?:に|の)?|に(?=\s*\d))"
    r"|within\s+(?P<en>\d+(?:\.\d+)?|half|an?|one|two|three)(?:\s+a)?\s+(?P<eu>y|m|w|d)(?:ears?|onths?|eeks?|ays?)\b",
    re.IGNORECASE,
)
BEFORE = r"(?:前回(?:検査|エコー)?(?:より|から|と?比べて?|と比較(?:し(?:て)?)?|に比べて?)(?:も|、)?)"
_NUMBER = r"\d+(?:\.\d+)?"
_UNIT = r"%|ポイント|点|points?|mmHg|mm|cm|mL/m2|mL|m/s|cm2|ms"
_OR_MORE = r"(?:以上|or more|を?(?:超え|こえ)(?:て|る)?|も)"
_FALLS = r"低下|減少|下降|縮小|落ち|下が[っり]|減[っり]"
_RISES = r"上昇|増加|増大|拡大|上が[っり]|増え"
_BETTER = r"改善|回復|軽快|[良よ]くな[っり]"
_WORSE = r"悪化|増悪|悪くな[っり]"
_MOVES = rf"(?:(?P<falls>{_FALLS})|(?P<rises>{_RISES})|(?P<better>{_BETTER})|(?P<worse>{_WORSE}))"
_DONE = r"(?:した|している|して|し(?=[、 ])|する|た(?!め)|てい[るた]|て(?=[、 ])|を認める|が?ある|あり|した?もの)?"
_BY = r"(?:by|of|at least|more than|over|>=?)"
# EF低下が10%以上, EF低下 >10%: no value below 10 % is meant; EF低下 35%以下 is a finding and a value
_AS_NOUN = (
    rf"\s*の?(?:(?P<falls>{_FALLS})|(?P<worse>{_WORSE})|(?:(?P<rises>{_RISES})|(?P<better>{_BETTER}))"
    rf"(?=\s*(?:[がは]|幅|量|>)))\s*(?:幅|量)?\s*[がは]?\s*"
    rf"(?:(?P<over>>=?)\s*)?(?P<amount>{_NUMBER})\s*(?P<unit>{_UNIT})?\s*(?(over)|{_OR_MORE})"
)
_SUBJECT = r"\s*(?:が|は|の|を)?\s*"
_AMOUNT = rf"(?:(?P<amount>{_NUMBER})\s*(?P<unit>{_UNIT})?\s*{_OR_MORE}?)?\s*(?:の|も)?\s*"
_END = (
    rf"(?P<to>約?{_NUMBER})\s*(?:{_UNIT})?\s*(?:以下|未満|以上|を?超え?|を?切る|を?下回る|台|前後|程度)?"
    r"(?:に(?:まで)?|まで|へ)"
)
_ENGLISH = (
    r"\s*(?:(?P<falls>fell|falls?|falling|dropped|drop|decreased?|declined?)|(?P<rises>rose|rises?|increased?)"
    r"|(?P<better>improved?)|(?P<worse>worsened?|deteriorated))\s*"
)
_ENGLISH_NOUN = (
    rf"\s*(?:(?P<falls>drop(?:s|ping)?|decreas(?:es|ing)|declin(?:es|ing)|reduc(?:ed|tion))"
    rf"|(?P<rises>increas(?:es|ing))|(?P<better>improv(?:es|ing|ement))|(?P<worse>worsening))(?=\s*{_BY})"
)
_BY_AMOUNT = rf"(?:\s*{_BY})*\s*(?P<amount>{_NUMBER})\s*(?P<unit>%|points?|mmHg|mm|cm)?\s*(?:points?)?\s*(?:or more)?"
_TAILS = tuple(
    re.compile(words, re.IGNORECASE)
    for words in (
        _AS_NOUN,
        rf"{_SUBJECT}{BEFORE}?\s*{_AMOUNT}{_MOVES}{_DONE}",
        rf"{_ENGLISH}{_BY_AMOUNT}",
        rf"{_ENGLISH_NOUN}{_BY_AMOUNT}",
        r"\s*(?:(?P<better>improved)|(?P<worse>worsened|deteriorated))\b",
    )
)
# EFが60%から40%以下に低下: what it came to is a value of today's
_FROM_TO = (
    re.compile(
        rf"(?P<first>{_SUBJECT}(?P<from>{_NUMBER})\s*(?:{_UNIT})?\s*(?:から|→|->|より)\s*){_END}(?P<second>\s*{_MOVES}{_DONE})",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?P<first>{_ENGLISH}from\s*[<>=]*\s*(?P<from>{_NUMBER})\s*(?:{_UNIT})?\s*to\s*)[<>=]*\s*(?P<to>{_NUMBER})",
        re.IGNORECASE,
    ),
)
_TO = (
    re.compile(rf"(?P<first>){_SUBJECT}{_END}(?P<second>\s*{_MOVES}{_DONE})", re.IGNORECASE),
    re.compile(
        rf"(?P<first>{_ENGLISH}(?:to\b\s*)?)(?:(?<=to )|below|under|<=?|above|over|>=?)\s*(?P<to>{_NUMBER})",
        re.IGNORECASE,
    ),
)
_CAME_TO = re.compile(r"\s*to(?=\s*(?:below|under|above|over|[<>=\d]))", re.IGNORECASE)  # by 10 points to below 50
_VALUE_FOLLOWS = re.compile(r"\s*[<>=]*\s*\d")  # EF改善 50%以上: a value
_LEAD = re.compile(rf"{BEFORE}\s*$")
_LED = re.compile(  # 前回より10%以上低下したEF
    rf"(?<![がはも])(?P<before>{BEFORE})?\s*{_AMOUNT}{_MOVES}(?:し(?:た|ている)|た|ている)\s*$"
)
_ENGLISH_LED = re.compile(
    r"\b(?:(?P<falls>drops?|fall|decrease|decline|reduction)|(?P<rises>rise|increase)|(?P<better>improvement)"
    r"|(?P<worse>worsening|deterioration))\s+(?:in|of)\s+$",
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
    named = tokens(text, lexicon, query=True)
    for token in named:
        name = token.measure or (token.value if token.kind == "measure" else None) or ""
        if name in SITED:
            name = SITED[name].get(_site_near(named, token), "")  # Vmax: of the valve that is named
        measure = lexicon.measures.get(name)  # LVDd/Ds is a pair, and no measure
        if measure is not None and (read := _change_of(text, measure, token.start, token.end, periods)):
            found.append(read)
    return found


def _site_near(named: Sequence[Token], token: Token) -> str:
    """Return the valve that is named last before a velocity or a gradient, else first behind it; none: empty."""
    places = [(one.start, site) for one in named if (site := _site_of(one)) is not None]
    before = [site for start, site in places if start < token.start]
    return before[-1] if before else places[0][1] if places else ""


def _site_of(token: Token) -> str | None:
    head = token.value.head if token.kind == "finding" else token.value[0] if token.kind == "structure" else None
    return SITES.get(head or "")


def _change_of(text: str, measure: Measure, start: int, end: int, periods: Sequence[Period]) -> Read | None:
    """Return the change of the measurement that is named at [start, end) of a text; None if none is told."""
    told = _from_to(text, start, end) or _told(text, start, end) or _to(text, start, end)
    kind = None if told is None else _kind(told.match, measure)
    if told is None or kind is None:
        return None
    period = period_near(periods, min(start, told.places[0][0]), told.places[-1][1])
    if told.amount is None and period is None and not told.compared and not _is_change(text, told, kind, measure):
        return None  # EF低下 is a finding
    factor = _factor(measure, told.unit)
    if factor is None:
        return None
    by = None if told.amount is None else round(told.amount * factor, 6)
    made = ChangeCondition(measure.id, kind, by, measure.unit, None if period is None else period[2])
    return made, [*told.places, *([period[:2]] if period else [])]


class _Told(NamedTuple):
    """A change as it is told: its words, its amount and unit, where it stands, and whether it compares two studies."""

    match: re.Match[str]
    amount: float | None
    unit: str | None
    places: tuple[tuple[int, int], ...]
    compared: bool


def _from_to(text: str, start: int, end: int) -> _Told | None:
    """Read a change from one value to another by their difference; the second stays a value of its own."""
    for pattern in _FROM_TO:
        if match := pattern.match(text, end):
            amount = abs(float(match["from"]) - float(match["to"].strip("約")))
            return _Told(match, amount, None, _beside_the_value(match), compared=True)
    return None


def _to(text: str, start: int, end: int) -> _Told | None:
    """Read a change to a value, which stays one of its own: EF dropped below 40, 3年以内にEFが50%未満に低下."""
    for pattern in _TO:
        if match := pattern.match(text, end):
            return _Told(match, None, None, _beside_the_value(match), compared=match.re is _TO[1])
    return None


def _beside_the_value(match: re.Match[str]) -> tuple[tuple[int, int], ...]:
    spans = (match.span(name) for name in ("first", "second") if match.groupdict().get(name))
    return tuple(spans)


def _told(text: str, start: int, end: int) -> _Told | None:
    """Read a change by an amount, or by none that is said."""
    led = _LED.search(text, 0, start)
    if led is not None and (led["before"] or led["amount"]):
        return _Told(led, _number(led["amount"]), led["unit"], ((led.start(), end),), compared=True)
    noun, by = _ENGLISH_LED.search(text, 0, start), _ENGLISH_AMOUNT.match(text, end)
    if noun is not None and by is not None:
        return _Told(noun, _number(by["amount"]), by["unit"], ((noun.start(), by.end()),), compared=False)
    match = next((found for tail in _TAILS if (found := tail.match(text, end)) is not None), None)
    if match is None:
        return None
    lead, came_to = _LEAD.search(text, 0, start), _CAME_TO.match(text, match.end())
    begin, compared = (lead.start(), True) if lead is not None else (start, "前回" in match[0])
    places = ((end, came_to.end()),) if came_to is not None else ((begin, match.end()),)
    named = match.groupdict()
    return _Told(match, _number(named.get("amount")), named.get("unit"), places, compared)


def _number(words: str | None) -> float | None:
    return None if words is None else float(words)


def _kind(match: re.Match[str], measure: Measure) -> Literal["falls", "rises"] | None:
    """Return which way a value goes; None where it is worse or better, and the lexicon does not know which way."""
    named = match.groupdict()
    if named.get("falls") or named.get("rises"):
        return "falls" if named["falls"] else "rises"
    if measure.worse is None:
        return None
    return "falls" if bool(named.get("worse")) == (measure.worse == "<") else "rises"


def _is_change(text: str, told: _Told, kind: str, measure: Measure) -> bool:
    """Return whether words tell of a change and not of a state, as EF低下 does: EFが改善, EFが悪化, LVDdが縮小."""
    if _VALUE_FOLLOWS.match(text, told.match.end()):
        return False
    named = told.match.groupdict()
    better = {"falls": ">", "rises": "<"}[kind] == measure.worse
    return better or bool(named.get("worse"))


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
