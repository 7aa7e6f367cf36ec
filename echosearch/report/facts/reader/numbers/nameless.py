"""Numbers that no name stands before: a second value, an earlier one, the depth of an effusion that was named."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.numbers.again import again, follows_from, was_before
from echosearch.report.facts.reader.numbers.repeat import repeats
from echosearch.report.facts.reader.numbers.site import assign, of_no_word, outdates
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.number import Number
from echosearch.report.facts.text.tokens import Token

__all__ = ["of_no_name"]

_METHOD = re.compile(r"\s*(?:\([^()]{1,20}\))\s*[、,/]\s*")
_LENGTHS = ("mm", "cm")
_DEPTH = re.compile(
    r"\s*(?:(?:前方|後方|側方|後壁側|右室側|心尖部?)(?:で|に|は)?)?(?:最大|最深部)?(?:の?(?:深さ|厚さ|厚み|幅|径|部))?(?:は|で|:)?(?:(?:後壁|右室|側壁|前方|後方)側?で)?\s*約?"
)
_OF_A_VESSEL = re.compile(
    r"(?:程度|大)?(?:[でと]|\s|[、,]\s*)*(?:[上下]行|腹部|弓部|Valsalva洞?|バルサルバ洞?|大動脈|肺動脈|基部|起始部)+"
    "(?:[のはがも]|軽度|中等度|高度|著明|に)*(?:拡|瘤)"
)
# 40以上50未満, <30または>70
_ANOTHER_BOUND = re.compile(
    r"\s*(?:、|,|かつ|で|から|and|、?(?:または|又は|もしくは|あるいは|か)|,?\s*or)?\s*", re.IGNORECASE
)


def of_no_name(state: State, found: list[Token], index: int) -> bool:
    """Give a number to a measurement that has one already, or to what stands in an earlier sentence."""
    token = found[index]
    value: Number = token.value
    if state.query and _is_another_bound(state, token):
        before = state.values[-1]
        assign(state, token._replace(measure=before.measure), value, value.unit or before.unit, token.start)
        return True
    if state.unsited and outdates(state, token):
        return True
    if _is_repeated(state, found, index):
        assign(state, token._replace(measure=state.measure), value, value.unit, token.start)
        return True
    if state.measure is not None and _of_another_day(state, state.measure, token):
        return True
    measure = of_no_word(state, token) if value.unit == "mmhg" else None
    if measure is None and _of_an_effusion(state, token):
        measure = "effusion_depth"
    if measure is None:
        return False
    assign(state, token._replace(measure=measure), value, value.unit, token.start)
    return True


def _is_another_bound(state: State, token: Token) -> bool:
    """Whether a number bounds the measurement of a query that is bounded already: EF 40以上50未満."""
    before = state.values[-1] if state.values else None
    bounded = before is not None and before.op and _ANOTHER_BOUND.fullmatch(state.text, before.end, token.start)
    return bool(bounded)


def _is_repeated(state: State, found: list[Token], index: int) -> bool:
    """Whether a number is of the measurement named last once more: by another method, of another date."""
    token = found[index]
    last = state.values[-1] if state.values else None
    if last is None or last.measure != state.measure:
        return False
    opens = state.text[token.end :].lstrip(" ").startswith("(")
    if opens and last.measure != "ivc" and _METHOD.fullmatch(state.text, last.end, token.start):
        return True  # by another method
    redated = any(last.end <= at < token.start for at, _ in state.dates)
    return redated or repeats(state, last, found, index)


def _of_another_day(state: State, measure: str, token: Token) -> bool:
    """Read a number as an earlier one of a measurement, or as today's behind an earlier one."""
    if was_before(state, token):
        state.earlier = True
        read = again(state, measure, token)
        state.earlier = False
        if read:
            return True
    told = state.earlier or state.arrow or state.now or follows_from(state, token)
    return told and again(state, measure, token)


def _of_an_effusion(state: State, token: Token) -> bool:
    """Whether a length at a sentence's begin is the depth of the effusion before it: 心嚢液は全周性。最大深さ24mm."""
    if not state.context.fluid or token.value.unit not in _LENGTHS or state.text.startswith("の", token.end):
        return False
    if _OF_A_VESSEL.match(state.text, token.end):
        return False  # 径45mmと大動脈基部拡大
    return state.text[: token.start].strip() != "" and _DEPTH.fullmatch(state.text, 0, token.start) is not None
