"""Numbers of other days: an earlier one, today's after an arrow, and those of several dates."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Value
from echosearch.report.facts.reader.numbers.repeat import provoked
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.number import Number, read_number
from echosearch.report.facts.text.tokens import Token

__all__ = ["again", "dated", "follows_from", "was_before"]

_TREATED = re.compile("前回|昨年|入院|退院|術前|利尿|治療|投与|透析|除水|補液|後")
# LVEF 35%, decreased from 50%; reduced compared with the prior study (50%)
_WAS = re.compile(
    r"(?:\bfrom|compared (?:with|to)|\bthan)(?: (?:a|the|his|her|prior|previous|last|baseline|study|exam|examination"
    r"|echo|value|EF|LVEF|of|was))*[ (]{1,2}$",
    re.IGNORECASE,
)
_OF_A_BREATH = re.compile(r"\s*(?:mm|cm)?[、,)\s]*(?:と|で)?(?:呼吸性?(?:変動|変化)|resp|呼気|吸気)", re.IGNORECASE)
_BREATH = 0.6  # of its width: no other change is told so


def again(state: State, measure: str, token: Token) -> bool:
    """Read a second number of the measurement named last: an earlier one, or today's after an arrow."""
    value: Number = token.value
    rule = state.lexicon.measures.get(measure)
    read = read_number(value, rule) if rule is not None else None
    if rule is None or read is None:
        return False
    last = state.values[-1] if state.values and state.values[-1].measure == measure else None
    if not state.earlier and last is None:
        return False
    breath = measure == "ivc" and (state.arrow or follows_from(state, token)) and not _TREATED.search(state.text)
    if breath and last is not None and last.value:
        least = last.value if _OF_A_BREATH.match(state.text, token.end) else last.value * _BREATH
        if read.value < least:
            return True  # IVC 21→8mm; 22→20mm、呼吸性変動(-)
    changed = not state.earlier
    if last is not None and follows_from(state, token):
        changed, state.earlier, state.earlier_after = True, False, False  # 昨年の52%から44%
    if changed and last is not None:
        last.historical = last.historical or not provoked(state.text, last, token.end)
    start = last.start if last is not None else token.start
    made = Value(measure, start, token.end, read.value, read.high, rule.unit, value.op)
    made.historical = state.earlier
    state.values.append(made)
    state.arrow = False
    return True


def follows_from(state: State, token: Token) -> bool:
    """Return whether から joins a number to the one before it: 52%から44%."""
    last = state.values[-1] if state.values else None
    return (
        last is not None
        and re.fullmatch(r"\s*(?:前半|後半|程度|前後)?(?:から|to)\s*", state.text[last.end : token.start]) is not None
    )


def was_before(state: State, token: Token) -> bool:
    """Return whether English words make a number of the measurement named last its earlier one: decreased from 50%."""
    last = state.values[-1] if state.values else None
    if last is None or last.historical or last.measure != state.measure:
        return False
    return _WAS.search(state.text, last.end, token.start) is not None


def dated(state: State) -> None:
    """Make the numbers of former dates earlier ones: 2022/3 EF 45%、2023/3 EF 51%."""
    last: dict[str, tuple[int, int]] = {}
    dates = []
    for value in state.values:
        before = [date for at, date in state.dates if at < value.end]
        dates.append(before[-1] if before else None)
        if before:
            last[value.measure] = max(before[-1], last.get(value.measure, before[-1]))
    for value, date in zip(state.values, dates, strict=True):
        if date is not None and date < last[value.measure]:
            value.historical = True
