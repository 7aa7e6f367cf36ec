"""Changes in a query: EFが1年以内に10以上低下, MRが1段階以上悪化, 新規のペースメーカー, 新たな心嚢液貯留.

A change of a measurement is read before the query's other numbers are; one of a finding is attached to the finding
beside it, which stays a condition of its own: a study with a worse MR has an MR.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from echosearch.report.facts.lexicon.lexicon import Lexicon, Measure
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.text.tokens import tokens

__all__ = [
    "ChangeCondition",
    "ChangeKind",
    "Read",
    "changes_of_findings",
    "changes_of_values",
    "ended",
    "measures_in",
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

_NUMBER = {"半": 0.5, "一": 1, "二": 2, "三": 3, "両": 2, "half": 0.5, "a": 1, "one": 1, "two": 2, "three": 3}
_MONTHS = {"年": 12.0, "月": 1.0, "週": 12 / 52, "日": 12 / 365, "y": 12.0, "m": 1.0, "w": 12 / 52, "d": 12 / 365}
_N = r"(?:\d+(?:\.\d+)?|半|一|二|三|両)"
_WINDOW = re.compile(
    rf"(?P<n>{_N})\s*(?P<unit>年|[かヶカヵケ]月|週|日)間?(?:半)?\s*(?:以内|のうち|の間|で(?!も))\s*(?:に|の)?"
    r"|within\s+(?P<en>\d+(?:\.\d+)?|half|an?|one|two|three)(?:\s+a)?\s+(?P<eu>y|m|w|d)(?:ears?|onths?|eeks?|ays?)\b",
    re.IGNORECASE,
)
_BEFORE = r"(?:前回(?:検査|エコー)?(?:より|から|と?比べて?|と比較(?:し(?:て)?)?|に比べて?)(?:も|、)?)"
_AMOUNT = (
    r"(?P<amount>\d+(?:\.\d+)?)\s*(?P<unit>%|ポイント|点|points?|mmHg|mm|cm|mL/m2|mL|m/s|cm2|ms)?"
    r"\s*(?:以上|or more|を?(?:超え|こえ)る?|も)?"
)
_STEPS = r"(?:(?P<steps>[1-4一二三])\s*(?:段階|グレード|度)(?:以上)?)"
_FALLS = r"低下|減少|下降|縮小|悪化"
_RISES = r"上昇|増加|増大|拡大|回復|改善"
_WORSE = r"悪化|増悪|進行|重症化"
_BETTER = r"改善|軽快|軽減"
_APPEARS = r"(?:出現|発症|発生|植え?込み?|留置|認め|みられ|指摘|生じ)(?:した|された|まれた|られた|た|する|される)?"
_NEWLY = rf"(?:新たに|新規に?|初めて|はじめて){_APPEARS}"
_DONE = r"(?:した|している|して|し(?=[、 ])|する|を認める|が?ある|あり|した?もの)?"
_TAIL = re.compile(
    rf"\s*(?:が|は|の|を)?\s*{_BEFORE}?\s*(?:{_AMOUNT})?\s*(?:の|も)?\s*"
    rf"(?:(?P<falls>{_FALLS})|(?P<rises>{_RISES})){_DONE}"
    r"|\s*(?:(?P<efalls>fell|falls?|falling|dropped|decreased?|declined?)|(?P<erises>rose|rises?|increased?|improved?))"
    r"\s*(?:by|of)?\s*(?:at least|more than)?\s*(?P<eamount>\d+(?:\.\d+)?)\s*(?P<eunit>%|points?|mmHg|mm|cm)?"
    r"\s*(?:points?)?\s*(?:or more)?",
    re.IGNORECASE,
)
_LEAD = re.compile(rf"{_BEFORE}\s*$")
_AFTER_FINDING = re.compile(
    rf"\s*(?:の|が|は)?\s*(?P<before>{_BEFORE})?\s*{_STEPS}?\s*(?:の|に)?\s*"
    rf"(?:(?P<worse>{_WORSE})|(?P<better>{_BETTER})|(?P<new>{_NEWLY}|出現|発症|新規出現))"
    rf"{_DONE}"
    r"|\s*(?:(?P<eworse>worsened|worse|worsening|progressed|progression)|(?P<ebetter>improved|improvement))"
    r"(?:\s*by\s*(?P<esteps>[1-4]|one|two|three)\s*grades?(?:\s*or more)?)?",
    re.IGNORECASE,
)
_NEW = re.compile(
    rf"(?:新規|新た|初めて|はじめて)(?:の|な|に)?(?:{_APPEARS})?の?\s*$"
    r"|\bnew(?:ly)?[ -]?(?:onset|developed|implanted|diagnosed)?\s*$",
    re.IGNORECASE,
)
_IN_A_LIST = re.compile(rf"(?:{_WORSE}|{_BETTER}|出現|発症)(?:した|している|し)?(?=[、,])")
_GONE = re.compile(r"\s*(?:が|は|の)?\s*消失")
_POINTS = frozenset({"ポイント", "点", "point", "points"})


def windows(text: str) -> list[tuple[int, int, int]]:
    """Return the periods of a uniform text, [start, end) and months rounded up: 1年以内に, within 6 months."""
    found = []
    for match in _WINDOW.finditer(text):
        count, unit = match["n"] or match["en"].lower(), match["unit"] or match["eu"].lower()
        months = (_NUMBER[count] if count in _NUMBER else float(count)) * _MONTHS[unit[-1]]
        found.append((*match.span(), max(int(-(-months // 1)), 1)))
    return found


def ended(text: str) -> str:
    """Put the end of a statement in place of a change in a list: in MRが悪化、左室拡大なし "no" is of the latter."""
    return _IN_A_LIST.sub(lambda match: "あり".ljust(len(match[0])), text)


def changes_of_values(text: str, lexicon: Lexicon, periods: Sequence[tuple[int, int, int]]) -> list[Read]:
    """Find the changes of measurements in a text whose ``periods`` are blank; they are no other conditions."""
    found: list[Read] = []
    for token in tokens(text, lexicon, query=True):
        name = token.measure or (token.value if token.kind == "measure" else None)
        if name is None:
            continue
        match = _TAIL.match(text, token.end)
        lead = _LEAD.search(text, 0, token.start)
        if match is None:
            continue
        amount, unit = match["amount"] or match["eamount"], match["unit"] or match["eunit"]
        start = lead.start() if lead else token.start
        period = _nearest(periods, start, match.end())
        if amount is None and period is None and lead is None and "前回" not in match[0]:
            continue  # EF低下 is a finding
        measure = lexicon.measures[name]
        factor = _factor(measure, unit)
        if factor is None:
            continue
        made = ChangeCondition(
            name,
            "falls" if match["falls"] or match["efalls"] else "rises",
            None if amount is None else float(amount) * factor,
            measure.unit,
            None if period is None else period[2],
        )
        found.append((made, [(start, match.end()), *([period[:2]] if period else [])]))
    return found


def measures_in(text: str, lexicon: Lexicon) -> list[str]:
    """Return the measurements that a text names, once each: EF, 左室駆出率."""
    found = [
        token.measure or token.value
        for token in tokens(text, lexicon, query=True)
        if token.measure or token.kind == "measure"
    ]
    return list(dict.fromkeys(found))


def changes_of_findings(text: str, mentions: Sequence[Mention], periods: Sequence[tuple[int, int, int]]) -> list[Read]:
    """Find the changes of findings in a text whose ``periods`` are blank; of several joined by または, none."""
    return list(_of_findings(text, sorted(mentions, key=lambda one: one.start_at), periods))


def _of_findings(text: str, mentions: Sequence[Mention], periods: Sequence[tuple[int, int, int]]) -> Iterator[Read]:
    for place, mention in enumerate(mentions):
        joined = mention.either or any(one.either for one in mentions[place + 1 : place + 2])
        if joined or mention.excluded or mention.polarity not in ("present", "absent"):
            continue
        start, end = mention.start_at, mention.start_at + mention.end - mention.start
        concept = mention.finding.concept
        after = _AFTER_FINDING.match(text, end)
        ahead = _NEW.search(text, 0, start)
        gone = _GONE.match(text, end)
        kind: ChangeKind
        amount: float | None = None
        if mention.polarity == "absent":
            span = (gone.start(), gone.end()) if gone else None
            period = _nearest(periods, start, span[1]) if span else None
            if span is None or period is None:  # 心嚢液消失 alone is its absence
                continue
            kind = "gone"
        elif ahead is not None:
            kind, span = "new", (ahead.start(), start)
        elif after is not None and (
            after["new"] or after["worse"] or after["eworse"] or after["better"] or after["ebetter"]
        ):
            kind = "new" if after["new"] else "worse" if after["worse"] or after["eworse"] else "better"
            span = after.span()
            steps = after["steps"] or after["esteps"]
            if kind != "new":
                amount = 1.0 if steps is None else float(_NUMBER.get(steps, 0) or steps)
        else:
            continue
        period = _nearest(periods, min(start, span[0]), max(end, span[1]))
        made = ChangeCondition(concept, kind, amount, None, None if period is None else period[2])
        yield made, [span, *([period[:2]] if period else [])]


def _nearest(periods: Sequence[tuple[int, int, int]], start: int, end: int) -> tuple[int, int, int] | None:
    """The period inside [start, end) or just beside it."""
    return next((one for one in periods if start - 3 <= one[1] and one[0] <= end + 3), None)


def _factor(measure: Measure, unit: str | None) -> float | None:
    """What an amount is multiplied by to be in the measure's unit; None for a unit that it has not."""
    if unit is None or unit == measure.unit or (unit in _POINTS and measure.unit == "%"):
        return 1.0
    return dict(measure.factors).get(unit.lower())
