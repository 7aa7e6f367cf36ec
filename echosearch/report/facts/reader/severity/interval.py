"""Grades that make one range: 軽度~中等度, 軽度から中等度, mild to moderate."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["compared", "join_grades"]

_RANGE = re.compile(r"\s*\+?\s*(?:[-~/・]|から|ないし|or|to)\s*")
_TO = re.compile(r"\s*(?:に|へ|まで)(?:は|と|)?(?!拡大|肥|逆流|認め|みられ|見られ|存在|生じ|残存)")
_BOUNDED = re.compile(r"\w{2,4}以上[で、]?(?:かつ)?\w{2,4}(?:未満|以下)")
_AT_LEAST = re.compile(
    r"\b(?:(at least|no less than)|(at (?:most|worst)|(?:no|not) more than|up to|(?:no|not) worse than|no greater than)"
    r"|(more than|greater than|worse than|more severe than|over|above)"
    r"|(?:less|lower|milder) than|below|under) \Z"
    r"|(?<![-=<>])(?:(>=)|(<=)|(>)|<) ?\Z",
    re.IGNORECASE,
)


def compared(state: State, token: Token) -> Token:
    """Return a grade with the words of a query before it: at least moderate is [3, 4], so is >= moderate."""
    graded = state.query and token.kind in ("severity", "grade")
    match = _AT_LEAST.search(state.text, max(0, token.start - 24), token.start) if graded else None
    if match is None:
        return token
    low, high = token.value
    if match[1] or match[4]:
        low, high = low, 4
    elif match[2] or match[5]:
        low, high = 0, high
    elif match[3] or match[6]:
        low, high = min(high + 1, 4), 4
    else:
        low, high = 0, max(low - 1, 0)
    return token._replace(value=(low, high), start=match.start())


def join_grades(state: State, found: list[Token], index: int, token: Token) -> Token:
    """Join the grades of one range: 軽度~中等度, 軽度から中等度; 軽度から中等度に is a change, and stays two."""
    while index + 1 < len(found):
        after = found[index + 1]
        place = index + 2
        between = state.text[token.end : after.start]
        if after.kind in ("and", "or") and place < len(found):
            between = state.text[token.end : found[place].start]
            after, place = found[place], place + 1
        if _BOUNDED.fullmatch(state.text, token.start, after.end) and after.kind == token.kind == "severity":
            state.done = found.index(after)  # 軽度以上高度未満
            return token._replace(value=(token.value[0], after.value[1]), end=after.end)
        if after.kind not in ("severity", "grade") or not _RANGE.fullmatch(between):
            return token
        if "to" in between and state.text.endswith("from ", 0, token.start):
            state.arrow = True  # from mild to moderate
            return token
        if "から" in between and _TO.match(state.text, after.end):
            state.arrow = True  # the next grade is today's
            return token
        index = found.index(after)
        state.done = index
        low, high = min(token.value[0], after.value[0]), max(token.value[1], after.value[1])
        token = Token(token.kind, (low, high), token.start, after.end, token.rule)
    return token
