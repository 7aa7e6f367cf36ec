"""The tokens of a query: those of a report that mean something in a question, as they are meant there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from echosearch.report.facts.text.named_walls import stands_behind_a_wall
from echosearch.report.facts.text.tokens import Token

__all__ = ["tokens_of_query"]

_REPORTS_ONLY = {"earlier", "now", "recalled", "change", "new", "poor", "skip"}
_NO_MORE_THAN = re.compile(r"not? (?:more|less|worse|greater) than\b", re.IGNORECASE)  # no denial but a comparison
_NO_HISTORY = re.compile("の?既往歴?[はもが]?(?:な[いくし]|無し|認めず|ありません)")
_NONE = re.compile("[はがも]?(?:な[いくし]|無し)")
_TO = re.compile(r"\s*(?:[-~]|から|ないし|または|又は|もしくは|あるいは|か|\bto\b|\bor\b)\s*", re.IGNORECASE)
_OR = re.compile(r"\s*(?:または|又は|もしくは|あるいは|か|\bor\b)\s*", re.IGNORECASE)
_UP_TO = re.compile(r"まで(?=[のでは、,\s]|$)")
_THAN = re.compile(r"(?<![度症])よりも?\Z")
_MORE = re.compile(r"\b(?:more|less) \Z", re.IGNORECASE)
_NOTHING_BUT = re.compile(r"しか(?![らしもっ])[^、。,;]*\Z")  # MRしかない: it is there
_PART_LEFT_OUT = re.compile(r"(?:[軽中高重等]度|[軽重等]症|疑い(?:症?例)?)を?\Z")  # MR(軽度を含まない)
_BUT = ("以外", "のほか", "ほか")
_GROUPS = ("valve_disease", "lv_wall_motion", "rwma")  # findings that name a group of findings
_NEAR = 3  # tokens behind 以外 that may deny the rest


def tokens_of_query(sentence: str, found: Sequence[Token]) -> list[Token]:
    """Return the tokens of a query's sentence that are read, as they are meant in a query."""
    return [
        one
        for one in _as_meant(sentence, found)
        if one.kind not in _REPORTS_ONLY
        and sentence[one.start : one.end].strip("?")
        and not (one.kind == "negative" and _NO_MORE_THAN.match(sentence, one.start))
    ]


def _as_meant(sentence: str, found: Sequence[Token]) -> Iterator[Token]:
    read = 0
    for place, token in enumerate(found):
        meant = _meant(sentence, token, found[place + 1 : place + 1 + _NEAR]) if token.start >= read else None
        if meant is not None:
            read = meant.end
            yield meant


def _meant(sentence: str, token: Token, following: Sequence[Token]) -> Token | None:
    """Return a token as it is meant; None of one that means nothing."""
    if sentence.startswith("を除", token.start):
        return token._replace(kind="exclude")
    match token.kind:
        case "severity":
            return _or_none(sentence, token, following) or _grade(sentence, token)
        case "others" | "exclude":
            return _rest(sentence, token, following)
        case "negative" if _NOTHING_BUT.search(sentence, 0, token.start):
            return None
        case "negative" if sentence.startswith("含ま", token.start) and _PART_LEFT_OUT.search(sentence, 0, token.start):
            return token._replace(kind="exclude")
        case "negative":
            return _none_to(sentence, token, following) or token
        case "history":
            return None if _NONE.match(sentence, token.end) else token  # AS、手術歴なし
        case "drop" if _NO_HISTORY.match(sentence, token.start):
            return token._replace(kind="negative")  # MRの既往なし
        case _:
            return None if sentence[token.start - 1 : token.end] == "ほか" else token  # no か that joins


def _grade(sentence: str, token: Token) -> Token | None:
    """Read a grade with its bound, and none that compares two findings: MRがASより重い, MR more severe than AS."""
    if _THAN.search(sentence, 0, token.start) or _MORE.search(sentence, 0, token.start):
        return None
    bound = _UP_TO.match(sentence, token.end)
    if bound is None or sentence.endswith(("から", "~"), 0, token.start):
        return token
    return token._replace(value=(0, token.value[1]), end=bound.end())  # ARは軽度まで


def _none_to(sentence: str, none: Token, following: Sequence[Token]) -> Token | None:
    """Return the grades of a range, or a choice, that begins with none: MRなし~軽度, no or mild MR."""
    grade = next((one for one in following[:2] if one.kind == "severity"), None)
    if grade is None or not _TO.fullmatch(sentence, none.end, grade.start):
        return None
    return grade._replace(value=(0, grade.value[1]), start=none.start)


def _or_none(sentence: str, grade: Token, following: Sequence[Token]) -> Token | None:
    """Return the grades of a choice that ends with none: mild or no TR, 軽度またはなし."""
    none = next((one for one in following[:2] if one.kind == "negative"), None)
    if none is None or not _OR.fullmatch(sentence, grade.end, none.start):
        return None
    return grade._replace(value=(0, grade.value[1]), end=none.end)


def _rest(sentence: str, token: Token, following: Sequence[Token]) -> Token | None:
    """Read what speaks of a remainder: 以外 excludes what stands before it, or says beside what the rest is denied."""
    if not sentence.startswith(_BUT, token.start):
        return token if token.kind == "exclude" else None
    if stands_behind_a_wall(sentence, token.start):
        return token._replace(kind="exclude")
    named = next((one for one in following if one.kind == "finding"), None)
    denied = any(one.kind in ("negative", "insignificant") for one in following)
    if denied and named is not None and named.value.concept in _GROUPS:
        return token._replace(kind="others")  # MR以外に弁膜症なし
    return token
