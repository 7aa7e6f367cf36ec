"""What a query says is yet to be put in is not there: TAVI予定のAS, CRT適応, candidates for TAVI."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosearch.report.facts.reader.mention import Mention

__all__ = ["without_planned"]

_BEHIND = re.compile(
    r"(?:の|を|が|植え?込み|留置|施行|手術|治療|術|装着|挿入)*(?:適応|予定|候補|待機|希望|検討|(?:手?術)?前(?![壁尖側中]))"
    r"| (?:candidates?|planned|scheduled|work-?up|eligib\w+)\b",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    r"\b(?:(?:(?:planned|scheduled|candidates?|eligible|considered|listed|waiting|referred)(?: for| to undergo)?"
    r"|awaiting|before|prior to)(?: an?| the)? |pre[- ]?)\Z",
    re.IGNORECASE,
)
_NEAR = 40  # characters, more than _AHEAD has

Span = tuple[int, int]


def without_planned(text: str, mentions: Sequence[Mention]) -> tuple[list[Mention], list[Span]]:
    """Return the findings of a uniform text without what is planned, and the places of that: it stays unread."""
    kept, places = list[Mention](), list[Span]()
    listed = False  # before what is planned, in one list with it: TAVIやMitraClipの予定
    for one in sorted(mentions, key=lambda one: one.start_at)[::-1]:
        behind, ahead = _BEHIND.match(text, one.end_at), _AHEAD.search(text, max(0, one.start_at - _NEAR), one.start_at)
        if one.finding.implant and (listed or behind or ahead):
            places.append((one.start_at, one.end_at))
            listed = one.link == "strong"
        else:
            kept.insert(0, one)
            listed = False
    return kept, places
