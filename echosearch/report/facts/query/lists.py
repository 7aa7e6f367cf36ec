"""Lists of a query whose last word may be said of all of it or of the last alone: 重度MRとTRなし, AS、MRを除く."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from echosearch.report.facts.query.ambiguous import Ambiguous
from echosearch.report.facts.reader.mention import Mention

__all__ = ["lists_in_doubt"]

_AND = re.compile(r"\s*(?:と|や|・|及び|および|/|\band\b)\s*", re.IGNORECASE)
_COMMA = re.compile(r"\s*[、,]\s*")


def lists_in_doubt(text: str, mentions: Sequence[Mention]) -> Iterator[Ambiguous]:
    """Yield pairs of findings side by side in a uniform text, the first of which may be denied or excluded or not."""
    ordered = sorted((one for one in mentions if one.finding.concept), key=lambda one: one.start_at)
    for first, second in pairwise(ordered):
        end = first.start_at + first.end - first.start
        between = text[end : second.start_at]
        names = [text[one.start_at : one.start_at + one.end - one.start] for one in (first, second)]
        listed = second.link != "none" and first.graded is second.graded is False
        same = first.finding.group == second.finding.group and first.finding.concept != second.finding.concept
        said = text[first.start_at : second.start_at + second.end - second.start]
        if first.excluded and second.excluded and listed and _COMMA.fullmatch(between) and len(ordered) == 2:
            yield Ambiguous(said, second.finding.concept, "a list that is excluded", f"{names[0]} without {names[1]}")
        elif second.polarity != "absent" or first.excluded or second.excluded:
            continue
        elif first.polarity == "present" and first.graded and not second.graded and _AND.fullmatch(between):
            yield Ambiguous(said, second.finding.concept, f"{names[0]} without {names[1]}", "neither of the two")
        elif first.polarity == "absent" and listed and not same and _COMMA.fullmatch(between):
            yield Ambiguous(said, second.finding.concept, "neither of the two", f"{names[0]} without {names[1]}")
