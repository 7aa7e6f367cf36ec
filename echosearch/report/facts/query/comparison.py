"""Comparisons of a query in words, written with a report's operators: less than 40, worse than -15 %, 14より悪い."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.text.tokens import Token, tokens

__all__ = ["with_operators"]

_BETWEEN = re.compile(
    r"\b(between|btwn?|betw\.?) \d+(?:\.\d+)? ?(?:%|mmHg|[mc]m|m/s|mL)? (and|to|&) (?=\d)", re.IGNORECASE
)
_BUT = re.compile(r"(?<=\d)( ?(?:%|mmHg|[mc]m|m/s|mL)?) but (?=[<>])", re.IGNORECASE)  # at least 30 but less than 50
# 40%<=EF<50%
_WITHIN = re.compile(r"(?P<low>\d+(?:\.\d+)?\s*%?)\s*(?P<op><=?)\s*(?P<name>[^\d\s<>=、。,;()]{1,12})\s*(?=<=?\s*\d)")
_OPERATORS = {
    "less than": "<",
    "lower than": "<",
    "under": "<",
    "below": "<",
    "at most": "<=",
    "up to": "<=",
    "greater than": ">",
    "more than": ">",
    "higher than": ">",
    "over": ">",
    "above": ">",
    "at least": ">=",
}
# less than 40, but "less than 50% collapse" is a finding
_COMPARED = re.compile(rf"\b({'|'.join(_OPERATORS)}) ?(?=\d)(?!50 ?% (?:\w+ )?(?:collapse|variation))", re.IGNORECASE)
_NUMBER = r"[-+]?\d+(?:\.\d+)?\s*(?:%|[A-Za-z]+(?:/[a-z]+2?)?\d?)?"
# what is worse is less of some measurements, and more of others
_JUDGED = re.compile(
    rf"\b(?P<not>not? )?(?:(?P<worse>worse|poorer)|better) than (?P<number>{_NUMBER})"
    rf"|(?P<first>{_NUMBER})\s*(?:よりも?(?:(?P<worse_ja>悪[いく]|不良)|(?:良好|[良よ][いく]|いい))(?:な(?!い))?(?P<not_ja>は?ない)?"
    r"|or (?:(?P<or_worse>worse|poorer)|better)\b)",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"[^\d、。,;]{0,16}")  # between a measurement and its number
_OPPOSITE = {"<": ">", ">": "<"}

Span = tuple[int, int]


def with_operators(text: str, lexicon: Lexicon) -> tuple[str, list[Span]]:
    """Return a uniform text of the same length, with the places of the words that were replaced.

    A number that is worse, or better, is blank where the lexicon does not know which way its measurement is worse.
    """
    covered: list[Span] = []
    text = _WITHIN.sub(_name_first, text)
    for match in _BETWEEN.finditer(text):  # between 40 and 50: a range as any other
        text = _put(_put(text, "", match.span(1)), "~", match.span(2))
        covered.append(match.span())
    for match in _COMPARED.finditer(text):  # less than 40: "<" as any other
        op = _OPERATORS[match[1].lower()]
        text = _put(text, op, match.span(1))
        covered.append(match.span(1))
    text = _BUT.sub(r"\1 and ", text)
    found = tokens(text, lexicon, query=True) if _JUDGED.search(text) else []
    for match, worse in _judged(text, found, lexicon):
        if worse is None:
            text = _put(text, "", match.span())  # E/A worse than 1: it is left over
            continue
        words = _words_of(match)
        text = _put(text, _operator(match, worse), words)
        covered.append(words)
    return text, covered


def _name_first(match: re.Match[str]) -> str:
    """Write a measurement between two bounds before both: EF>=40%<50%."""
    return f"{match['name']}{match['op'].replace('<', '>')}{match['low']}".ljust(len(match[0]))


def _judged(text: str, found: Sequence[Token], lexicon: Lexicon) -> Iterator[tuple[re.Match[str], str | None]]:
    """Yield the comparisons with what is worse or better, and which way the measurement before each is worse."""
    for match in _JUDGED.finditer(text):
        before = [one for one in found if one.measure is not None and one.end <= match.start()]
        if before and _BESIDE.fullmatch(text, before[-1].end, match.start()):
            measure = lexicon.measures.get(before[-1].measure or "")
            yield match, None if measure is None else measure.worse


def _words_of(match: re.Match[str]) -> Span:
    """Return the place of the words beside the number."""
    return (match.start(), match.start("number")) if match["number"] else (match.end("first"), match.end())


def _operator(match: re.Match[str], worse: str) -> str:
    """Return the operator as it is written before, or behind, a number."""
    way = worse if match["worse"] or match["worse_ja"] or match["or_worse"] else _OPPOSITE[worse]
    if match["number"]:
        return f"{_OPPOSITE[way]}=" if match["not"] else way
    if match["not_ja"] or not match[0][-1:].isascii():
        return {"<": "以上", ">": "以下"}[way] if match["not_ja"] else {"<": "未満", ">": "超"}[way]
    return {"<": "以下", ">": "以上"}[way]  # 40 or worse


def _put(text: str, words: str, place: Span) -> str:
    start, end = place
    return text[:start] + words.ljust(end - start) + text[end:]
