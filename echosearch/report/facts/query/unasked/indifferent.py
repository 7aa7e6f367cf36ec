"""Findings that a query names and does not ask for: ASの有無は問わず, regardless of AF, 軽度TRは可."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosearch.report.facts.reader.mention import Mention

__all__ = ["parted", "without_indifferent"]

_BEHIND = re.compile(
    r"(?:の?(?:有無|(?P<grade>程度|重症度)))?(?:に|は|を|も|とは?)?"
    r"(?:問わ(?:ず|ない|なくて?(?:も|よい)?)|不問|(?:かか|拘|関)わらず|関係な[くしい]|関係せず)|が?(?:あっても)?なくても"
)
_ALLOWED = (
    r"(?:[はがも]?あっても(?:[良よい]い|構わない|かまわない|可|OK)|(?:なら(?:ば)?|であれば|まで(?:は|なら|であれば)?|程度(?:は|なら)?|[はもが])?"
    r" ?(?:許容(?:する|可|範囲)?|(?<![一-龠])可(?![一-龠])|OK(?![A-Za-z]))"
    r"| ?(?:is |are )?\b(?:allowed|acceptable|permitted|tolerated|ok(?:ay)?)\b)"
)
_MAY_BE = re.compile(
    rf"(?:[はがも]?\s*(?:ごく)?(?:軽度|軽症|中等[度症]|微量|わずか|mild|trivial|trace|moderate))?(?P<allowed>{_ALLOWED})",
    re.IGNORECASE,
)
_PARTED = re.compile(rf"{_BEHIND.pattern}|{_ALLOWED}", re.IGNORECASE)
_AHEAD = re.compile(
    r"\b(?:regardless of|irrespective of|with or without)(?: the)?(?: presence of)?(?: an?| any)? *\Z", re.IGNORECASE
)

Span = tuple[int, int]


def parted(text: str) -> str:
    """Return a uniform text of the same length in which a statement ends where something does not matter."""
    return _PARTED.sub(lambda match: "、".rjust(len(match[0])), text)


def without_indifferent(text: str, mentions: Sequence[Mention]) -> tuple[list[Mention], list[Span]]:
    """Return the findings of a uniform text that are asked for, and the places of those that are not.

    One that may be there up to a grade is asked for with none too: 軽度のTRは可.
    """
    kept, places = list[Mention](), list[Span]()
    listed = False  # before what is not asked for, in one list with it: MRやTRの有無を問わず
    ordered = sorted(mentions, key=lambda one: one.start_at)
    for one in ordered[::-1]:
        start, end = one.start_at, one.end_at
        behind, ahead = _BEHIND.match(text, end), _AHEAD.search(text, 0, start)
        may_be = _MAY_BE.match(text, end)
        if may_be is not None and one.severity is not None and one.polarity == "present":
            one.severity = (0, one.severity[1])
            places.append(may_be.span("allowed"))
            kept.insert(0, one)
            continue
        behind = behind or may_be
        if listed or behind is not None or ahead is not None:
            places.append((ahead.start() if ahead else start, behind.end() if behind else end))
            kept[:0] = (
                [one] if behind is not None and behind.groupdict().get("grade") else []
            )  # MRの程度は問わず: it is there
            listed = one.link == "strong" and ahead is None
        else:
            kept.insert(0, one)
    return kept, places
