"""A suspicion that is enough beside what is stated: 血栓(疑い例を含む), ASまたはその疑い, definite or suspected IE."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosearch.report.facts.reader.mention import Mention

__all__ = ["SuspectedToo"]

_CASES = r"(?:の?(?:症例|例|もの|人|患者|段階|所見))?"
_INCLUDED = (
    r"含(?:む(?=[)、,。\s]|症例|例|人|患者|もの|\Z)|め(?:て|る|た)?|み|んで)|入れて"
    r"|(?:でも?)?(?:可|OK|[良よい]い)"
)
_OR = r"または|又は|もしくは|あるいは|および|及び|と|か"
_BEHIND = re.compile(
    rf"(?:{_OR}) ?(?:その)?の?疑い{_CASES}(?=[)、,。\s]|\Z|の|を(?!除))"
    rf"|の?疑い{_CASES}(?:[をも]|まで|をも|までも)?(?:{_INCLUDED})(?![なま])"
    r"|\b(?:incl(?:uding)?|or|and) (?:suspected|possible)(?: cases?| ones?)?\b(?= ?(?:[),;]|\Z))",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    rf"(?<![^\s、。,;(])疑い{_CASES}(?:を|も|まで|をも|までも)含(?:む|め(?:て|た)?|んだ)の?[、,]? ?"
    r"|(?:確定|確診)(?:例|診断)?(?:または|又は|・|と|/|、)(?:の)?疑い(?:例)?(?:の|は?問わず[、,]?)? ?"
    r"|\b(?:definite|known|confirmed|established|proven) (?:or|and|/) ?(?:suspected|possible) +"
    r"|\b(?:suspected|possible) (?:or|and|/) ?(?:definite|known|confirmed|established|proven) +",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[^、。,;]{0,10}[、,]?[^、。,;]{0,2}")  # a finding and what is said of it: its grade

Span = tuple[int, int]


class SuspectedToo:
    """Places of a uniform text that let a suspicion be enough, and what is left of the text without them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._behind = [found.span() for found in _BEHIND.finditer(text)]
        self._ahead = [found.span() for found in _AHEAD.finditer(text)]

    @property
    def blanked(self) -> str:
        """The text, of the same length, without these words."""
        text = self._text
        for start, end in (*self._behind, *self._ahead):
            text = text[:start] + " " * (end - start) + text[end:]
        return text

    def mark(self, mentions: Sequence[Mention]) -> list[Span]:
        """Return the places of the words that are of a finding, which is marked."""
        read = list[Span]()
        for start, end in self._behind:
            before = max((one for one in mentions if one.end_at <= start), key=lambda one: one.end_at, default=None)
            if before is not None and _BETWEEN.fullmatch(self._text, before.end_at, start):
                before.suspected_too = True
                read.append((start, end))
        for start, end in self._ahead:
            if any(begin < end and start < stop for begin, stop in read):
                continue
            after = min((one for one in mentions if one.start_at >= end), key=lambda one: one.start_at, default=None)
            if after is not None and _BETWEEN.fullmatch(self._text, end, after.start_at):
                after.suspected_too = True
                read.append((start, end))
        return read
