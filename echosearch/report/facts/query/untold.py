"""What a question says of a finding and no fact keeps, its place or its kind: any thrombus answers 左心耳血栓."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from echosearch.report.facts.lexicon.lexicon import Lexicon, UntoldWords
from echosearch.report.facts.lexicon.untold_table import TELLS
from echosearch.report.facts.reader.mention import Mention, Value
from echosearch.report.facts.text.tokens import tokens

__all__ = ["Untold", "untold_words"]

_END = re.compile(
    r"[、。,;/\n]|\.(?!\d)|\b(?:and|or|with|without|but|excluding|except)\b|または|又は|もしくは|あるいは|かつ|および|及び|(?<=[一-龠ァ-ヶa-z])で(?!の)",
    re.IGNORECASE,
)
_APART = re.compile(r"\s*[(:]|\s*,?\s*\b(?:in|of|at|on|within|involving|from|attached to|due to|type)\b", re.IGNORECASE)
_OTHERS = {
    "found": "others are found too",
    "excluded": "others are excluded too",
    "denied": "the denial of another is enough",
}
_DENIED = ("absent", "not_significant")

_BRACKET = 10  # characters up to its end

Span = tuple[int, int]


@dataclass(frozen=True)
class Untold:
    """``word`` was read as ``concept``, in words ``meaning``, and no fact tells ``what`` it says besides.

    ``phrase`` is what a report may say it by: the words of the finding and those beside it; None where it must not.
    """

    word: str
    concept: str
    meaning: str
    what: tuple[str, ...]  # of TELLS
    answers: str  # what becomes of the others: found, excluded or denied
    phrase: str | None

    def __str__(self) -> str:
        named = [one for one in self.what if one != "name"]
        told = f"its {' and '.join(named)}" if named else "the two apart"
        return f"{self.word} is read as {self.meaning}: facts do not tell {told}, so {_OTHERS[self.answers]}"


def untold_words(
    text: str, mentions: Sequence[Mention], read: Sequence[Mention | Value], lexicon: Lexicon
) -> Iterator[Untold]:
    """Yield what a uniform query says of its findings and no fact keeps; ``read`` is all that was read of it."""
    clauses = _Clauses(text, read)
    for mention in mentions:
        words = lexicon.untold.get(mention.finding.concept)
        places = [*_places(text, mention, clauses, words)] if words is not None else []
        if words is None or not places:
            continue
        whats = {what for start, end in places for what in words.tells[text[start:end].lower()]}
        start = min(mention.start_at, *(place[0] for place in places))
        end = max(mention.end_at, *(place[1] for place in places))
        denied, concept = mention.polarity in _DENIED, mention.finding.concept
        yield Untold(
            _closed(text, start, end),
            concept,
            lexicon.labels.get(concept, concept),
            tuple(sorted(whats, key=TELLS.index)),
            "excluded" if mention.excluded else "denied" if denied else "found",
            None if denied or mention.excluded else _phrase(_parts(text, mention, places), lexicon),
        )


def _closed(text: str, start: int, end: int) -> str:
    """The words, with the bracket that ends what began in them: 血栓(左心耳)."""
    said = text[start:end]
    close = text.find(")", end, end + _BRACKET) if said.count("(") > said.count(")") else -1
    return said if close < 0 else text[start : close + 1]


def _parts(text: str, mention: Mention, places: Sequence[Span]) -> list[str]:
    """The words of a finding, and those before it that no fact keeps; those behind it where there are none before."""
    start, end = mention.start_at, mention.end_at
    ahead = [text[a : min(b, start)] for a, b in places if a < end]
    behind = [] if ahead else [text[a:b] for a, b in places]
    return [*(one for one in (*ahead, *behind) if one), text[start:end]]


def _phrase(parts: Sequence[str], lexicon: Lexicon) -> str:
    """左心耳 and 血栓 as one phrase, without its grade."""
    whole = ""
    for part in parts:
        for one in tokens(part, lexicon, query=True):
            if one.kind == "severity":
                part = part[: one.start] + " " * (one.end - one.start) + part[one.end :]
        part = part.strip().removeprefix("の")
        whole += (" " if whole[-1:].isascii() and part[:1].isascii() else "") + part
    return whole.strip()


class _Clauses:
    """Where clauses end, and where something was read."""

    def __init__(self, text: str, read: Sequence[Mention | Value]) -> None:
        ends = [one.span() for one in _END.finditer(text)]
        spans = [(one.start_at, one.end_at) for one in read]
        self._length = len(text)
        self._opens = sorted([0, *(end for _, end in ends), *(end for _, end in spans)])
        self._starts = sorted(start for start, _ in spans)
        self._ends = [start for start, _ in ends]

    def before(self, start: int) -> int:
        """Return from where on words may be said of what begins here."""
        return self._opens[bisect_right(self._opens, start) - 1]

    def behind(self, end: int) -> tuple[int, bool]:
        """Return up to where words may be said of what ends here, and whether the clause has no other finding."""
        place, other = bisect_left(self._ends, end), bisect_left(self._starts, end)
        last = self._ends[place] if place < len(self._ends) else self._length
        following = self._starts[other] if other < len(self._starts) else self._length
        return min(last, following), last <= following


def _places(text: str, mention: Mention, clauses: _Clauses, words: UntoldWords) -> Iterator[Span]:
    """Where the words are: before a finding, in it and behind it, as far as nothing else is read."""
    start, end = mention.start_at, mention.end_at
    last, alone = clauses.behind(end)
    yield from (one.span() for one in words.pattern.finditer(text, clauses.before(start), end))
    if alone or _APART.match(text, end, last):
        yield from (one.span() for one in words.pattern.finditer(text, end, last))
