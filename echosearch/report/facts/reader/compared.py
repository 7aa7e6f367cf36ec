"""Whether 低下, 拡大, reduced tell of a state or of a change: a neutral name with only a change is no fact.

A change is what is said against an earlier value (EF 45%から32%に低下) or an earlier study (左室収縮能は前回より低下,
reduced compared to prior), with or without a grade.
"""

from __future__ import annotations

import re

from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["is_change"]

_DAY = (
    r"(?:前々?回|一?昨年|去年|前年|以前|先月|先週|前医|術前|入院時|初回|初診時|ベースライン|baseline"
    r"|(?:治療|療法|投与|投薬|導入|開始|植え?込み|留置|手術)前|(?:\d{1,2}|半|数|[一二三])(?:年|[ヶかカヵケ]月|週間?|日)前)"
)
_AGAINST = re.compile(
    rf"{_DAY}[^、。]{{0,24}}?(?:より|(?<=前回)から|(?:に|と)?比(?:較(?:して?|すると|にて)?|べると|べて?|して?|で|(?=、)))"
)
_LEADS = re.compile(r"[\s、,もはや]*(?:the |his |her )?", re.IGNORECASE)
_AND_SO = re.compile("[^、。]{1,12}し(?:て(?:おり)?)?、")  # 左室は前回より拡大し、EFも低下
_UNCHANGED = re.compile("同様|同程度|変わら|変わりな|著変|変化な|不変")
# the word is a noun of its own: 左室収縮能低下が進行
_OF_IT = re.compile("[はがのも](?:[^、。]{0,6}?)(?:進行|増悪|悪化|改善|著変|不変|変化|同様|持続|残存|遷延)")
_ENGLISH = re.compile(
    r"(?:,? \w+){0,2}? (?:(?:as )?compared|relative|in comparison) (?:with|to)\b"
    r"|(?: \w+)?(?: to \d+ ?%?)? from (?:\d|a |the |prior|prev|base)"
    r"|(?: \w+)? (?:since|than) (?:the |his |her |a )?(?:prior|previous|last|earlier|before|baseline|initial)",
    re.IGNORECASE,
)
_ENGLISH_LEAD = re.compile(
    r"(?:compared|relative|in comparison) (?:with|to) [^,.;]{0,40}, ?(?:the )?$|since [^,.;]{0,30}, ?(?:the )?$",
    re.IGNORECASE,
)
_STILL = re.compile(
    r"(?:なお|まだ|いまだ|未だ|依然(?:として)?)[、は]?(?:軽度|中等度|高度)?に?\Z"
)  # 改善しているが、なお低下
_LOOK_BACK = 40


def is_change(state: State, begin: int, end: int, word: Token) -> bool:
    """Return whether a word about the neutral name at [begin, end) compares it with an earlier day."""
    if word.value not in ("low", "high", "dilation", "hypertrophy"):
        return False
    text = state.text
    if _OF_IT.match(text, word.end) or _STILL.search(text, 0, word.start):
        return False
    if state.values and _of_values(state, end, word):
        return True
    if text[word.start].isascii() and text[word.start].isalpha():
        return (
            _ENGLISH.match(text, word.end) is not None
            or _ENGLISH_LEAD.search(text, max(0, begin - 64), begin) is not None
        )
    for match in _AGAINST.finditer(text, max(0, begin - _LOOK_BACK), word.start):
        beside = match.end() > begin or _LEADS.fullmatch(text, match.end(), begin) is not None
        beside = beside or (text.startswith("も", end) and _AND_SO.fullmatch(text, match.end(), begin) is not None)
        if beside and not _UNCHANGED.search(text, match.start(), word.start):
            return True
    return False


def _of_values(state: State, end: int, word: Token) -> bool:
    """Whether the numbers between a name and a word are today's and an earlier one: EF 45%から32%に低下."""
    last = state.values[-1]
    if not end < last.end <= word.start:
        return False
    return any(one.historical != last.historical for one in state.values[:-1] if one.measure == last.measure)
