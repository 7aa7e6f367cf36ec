"""The tokens of a query: those of a report that mean something in a question."""

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
_UP_TO = re.compile(r"まで(?=[のでは、,\s]|$)")
_THAN = re.compile(r"(?<![度症])よりも?\Z")
_MORE = re.compile(r"\b(?:more|less) \Z", re.IGNORECASE)
_BUT = ("以外", "のほか", "ほか")
_GROUPS = ("valve_disease", "lv_wall_motion", "rwma")  # findings that name a group of findings


def tokens_of_query(sentence: str, found: Sequence[Token]) -> list[Token]:
    """Return the tokens of a query's sentence that are read; を除く excludes there."""
    return [
        one
        for one in _as_meant(sentence, found)
        if one.kind not in _REPORTS_ONLY
        and sentence[one.start : one.end].strip("?")
        and not (one.kind == "negative" and _NO_MORE_THAN.match(sentence, one.start))
    ]


def _as_meant(sentence: str, found: Sequence[Token]) -> Iterator[Token]:
    """Yield tokens; 以外 excludes what stands before it, or says beside what the rest is meant: MR以外に弁膜症なし."""
    for place, token in enumerate(found):
        but = token.kind in ("others", "exclude") and sentence.startswith(_BUT, token.start)
        if sentence.startswith("を除", token.start) or (but and stands_behind_a_wall(sentence, token.start)):
            yield token._replace(kind="exclude")
        elif token.kind == "drop" and _NO_HISTORY.match(sentence, token.start):
            yield token._replace(kind="negative")  # MRの既往なし
        elif token.kind == "history" and _NONE.match(sentence, token.end):
            continue  # AS、手術歴なし
        elif but and _denies_the_rest(found[place + 1 : place + 4]):
            yield token._replace(kind="others")
        elif sentence[token.start - 1 : token.end] == "ほか" or _compares(sentence, token):
            continue  # no "or", and no grade
        elif token.kind == "severity" and (up := _UP_TO.match(sentence, token.end)) and not _is_range(sentence, token):
            yield token._replace(value=(0, token.value[1]), end=up.end())  # ARは軽度まで
        elif token.kind != "others" or but:
            yield token


def _denies_the_rest(following: Sequence[Token]) -> bool:
    named = [one for one in following if one.kind == "finding"]
    denied = any(one.kind in ("negative", "insignificant") for one in following)
    return denied and bool(named) and named[0].value.concept in _GROUPS


def _compares(sentence: str, token: Token) -> bool:
    """Return whether a grade compares two findings: MRがASより重い, MR more severe than AS."""
    if token.kind != "severity":
        return False
    return _THAN.search(sentence, 0, token.start) is not None or _MORE.search(sentence, 0, token.start) is not None


def _is_range(sentence: str, token: Token) -> bool:
    return sentence.endswith(("から", "~"), 0, token.start)
