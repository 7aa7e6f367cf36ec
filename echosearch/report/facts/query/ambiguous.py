"""Words of a query that mean two things: how each was read, and what else it may mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.reader.mention import Mention, Value

__all__ = ["Ambiguous", "about_values", "ambiguous_words", "empty_ranges", "signed_findings", "signed_values"]

_SIGNED = re.compile(r"-\s*\d")
_JUDGED = re.compile("worse|poorer|better|より")  # -15%より悪い: which way is said
_ABOUT = re.compile(r"約|およそ|おおよそ|大体|だいたい|\b(?:about|around|approximately|roughly|circa)\b", re.IGNORECASE)
_NEARLY = re.compile(r"\s*(?:前後|程度|くらい|ぐらい|ほど|近く|付近)")
_MINUS = re.compile(r"(?:\A|\s)-\Z")
_BEHIND = 3  # characters behind a number that may say so
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Ambiguous:
    """``word`` was read as ``concept``, in words ``meaning``; ``other`` is what it may mean besides."""

    word: str
    concept: str
    meaning: str
    other: str

    def __str__(self) -> str:
        return f"{self.word} is read as {self.meaning}: write it out if you mean {self.other}"


def signed_values(text: str, values: Iterable[Value], lexicon: Lexicon) -> Iterator[Ambiguous]:
    """Yield comparisons of a number with a minus, which is compared by its size: GLS -16%以上."""
    for one in values:
        words = text[one.start_at : one.end_at]
        judged = _JUDGED.search(text, one.start_at, one.start_at + len(words) + _BEHIND)
        if one.op not in _TURNED or judged or not _SIGNED.search(words):
            continue
        read, other = (_compared(one, op, lexicon) for op in (one.op, _TURNED[one.op]))
        yield Ambiguous(words, one.measure, f"{read} by its size", other)


def signed_findings(text: str, mentions: Iterable[Mention]) -> Iterator[Ambiguous]:
    """Yield findings behind a minus, which elsewhere leaves a word out: MR -TR."""
    for one in mentions:
        if one.polarity == "present" and not one.excluded and _MINUS.search(text, 0, one.start_at):
            own = text[one.start_at : one.end_at]
            yield Ambiguous(f"-{own}", one.finding.concept, own, "that it is not there")


Bound = str | int | float


def empty_ranges(asked: Iterable[tuple[str, str, Bound, Bound | None]]) -> Iterator[Ambiguous]:
    """Yield ranges whose ends are the wrong way round; each with its words, what it is of, and its ends."""
    for words, concept, low, high in asked:
        ordered = isinstance(low, str) == isinstance(high, str) and high is not None
        if ordered and low > high:  # type: ignore[operator]  # both are numbers, or both dates
            yield Ambiguous(words, concept, "a range that nothing is in", f"the range {high} to {low}")


def about_values(text: str, values: Iterable[Value], lexicon: Lexicon) -> Iterator[Ambiguous]:
    """Yield numbers that are named as near ones, and compared as they are: EF 35前後."""
    for one in values:
        end = one.end_at
        near = _ABOUT.search(text, one.start_at, end) or _NEARLY.match(text, end)
        if one.value is None or one.op is not None or one.high is not None or near is None:
            continue
        words = text[one.start_at : max(end, near.end())]
        yield Ambiguous(words, one.measure, _compared(one, "=", lexicon), "a range")


def _compared(value: Value, op: str, lexicon: Lexicon) -> str:
    unit = f" {value.unit}" if value.unit else ""
    return f"{lexicon.labels.get(value.measure, value.measure)} {op} {value.value:g}{unit}"


def ambiguous_words(text: str, mentions: Iterable[Mention], lexicon: Lexicon) -> Iterator[Ambiguous]:
    """Yield what of a uniform query was read by its usual meaning, where nothing beside it decides."""
    for mention in mentions:
        words = text[mention.start_at : mention.end_at]
        for word, reads, meaning, other in lexicon.ambiguous:
            if mention.finding.concept == reads and re.search(
                rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", words, re.I
            ):
                yield Ambiguous(word, reads, meaning, other)
