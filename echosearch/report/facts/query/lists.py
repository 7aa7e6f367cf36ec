"""Lists of a query whose last word may be said of all of it or of the last alone: 重度MRとTRなし, AS、AR疑い."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from echosearch.report.facts.query.ambiguous import Ambiguous
from echosearch.report.facts.reader.mention import Mention, Value

__all__ = ["choices_in_doubt", "in_one_list", "lists_in_doubt", "nouns_in_doubt"]

_AND = re.compile(r"\s*(?:と|や|・|及び|および|/|\band\b)\s*", re.IGNORECASE)
_DENIED = re.compile(r"[^、。,;]{0,6}?(?:な[しいく]|無[しいく]|認め|みられ|見られ|\(-\)|\babsent\b)", re.IGNORECASE)
_NOUN_DENIED = re.compile(
    r"\s*[、,]\s*(?P<noun>[^、。,;\s]{1,12}?)[はがもを]?(?:なし|無し|(?<!問わ)な[いく]|認め[ずなま]|みられ[ずなま]|\(-\))"
)
_GRADE = re.compile(r"(?:[軽中高重等]度|[軽重]症|以上|以下|未満|mild|moderate|severe)\Z", re.IGNORECASE)
_ONE_ALONE = re.compile(
    r"\bbut not both\b|\b(?:exactly|only) one of\b"
    r"|(?:どちらか|いずれか|どれか)(?:一方|片方|1つ|一つ)(?:だけ|のみ)?|片方(?:だけ|のみ)",
    re.IGNORECASE,
)
_COMMA = re.compile(r"\s*[、,]\s*")
_BOTH = re.compile(r"\s*(?:と|や|及び|および|かつ|\band\b|\bwith\b)\s*", re.IGNORECASE)


def lists_in_doubt(text: str, mentions: Sequence[Mention]) -> Iterator[Ambiguous]:
    """Yield pairs of findings side by side in a uniform text, the first of which may be denied or excluded or not."""
    ordered = sorted((one for one in mentions if one.finding.concept), key=lambda one: one.start_at)
    for first, second in pairwise(ordered):
        ends = [one.end_at for one in (first, second)]
        between = text[ends[0] : second.start_at]
        own, other = text[first.start_at : ends[0]], text[second.start_at : ends[1]]
        listed = second.link != "none" and first.graded is second.graded is False
        same = first.finding.group == second.finding.group and first.finding.concept != second.finding.concept
        excluded, neither = (first.excluded, second.excluded), "neither of the two"
        denied = second.polarity == "absent" and not any(excluded) and _DENIED.match(text, ends[1])
        said, concept, apart = text[first.start_at : ends[1]], second.finding.concept, f"{own} without {other}"
        side_by_side = _graded_ahead(own, first) and not second.graded and _AND.fullmatch(between)
        if all(excluded) and (side_by_side or (listed and _COMMA.fullmatch(between) and len(ordered) == 2)):
            yield Ambiguous(said, concept, "a list that is excluded", apart)
        elif denied and side_by_side:
            yield Ambiguous(said, concept, apart, neither)
        elif denied and first.polarity == "absent" and listed and not same and _COMMA.fullmatch(between):
            yield Ambiguous(said, concept, neither, apart)
        elif second.cues == ["suspected"] and listed and not any(excluded) and _COMMA.fullmatch(between):
            both, last = "both of them suspected", f"{own}, and {other} suspected"
            yield Ambiguous(said, concept, *((both, last) if first.cues else (last, both)))


def nouns_in_doubt(text: str, mentions: Sequence[Mention]) -> Iterator[Ambiguous]:
    """Yield findings before a comma and a denied word that no rule knows: of MR、高血圧なし the MR is there."""
    starts = {one.start_at for one in mentions}
    for one in mentions:
        end = one.end_at
        match = _NOUN_DENIED.match(text, end)
        plain = one.polarity == "present" and not (one.graded or one.cues or one.excluded)
        if match is None or not plain or any(end <= start < match.end() for start in starts):
            continue
        own = text[one.start_at : end]
        apart = f"{own} without {match['noun']}"
        yield Ambiguous(text[one.start_at : match.end("noun")], one.finding.concept, apart, "neither of the two")


def in_one_list(text: str, first: Mention | Value | None, second: Mention | Value | None) -> bool:
    """Return whether two findings are side by side in a list of like ones: MR、AR, and not MR重度、AF."""
    if not (isinstance(first, Mention) and isinstance(second, Mention)):
        return False
    alike = first.severity == second.severity or first.graded is second.graded is True
    return alike and first.polarity == second.polarity and _between(_COMMA, text, first, second)


def choices_in_doubt(text: str, stated: Sequence[Mention | Value]) -> Iterator[Ambiguous]:
    """Yield what "or" joins and may join otherwise: MR、ARまたはAS, MRとARまたはAS, MR or AR but not both."""
    ordered = sorted(stated, key=lambda one: one.start_at)
    for first, second, third in zip(ordered, ordered[1:], ordered[2:], strict=False):
        if not third.either or second.either or first.either:
            continue
        own, middle, other = (text[one.start_at : one.end_at] for one in (first, second, third))
        said, concept = text[first.start_at : third.end_at], _concept(third)
        one_of_two = f"{own}, with {middle} or {other}"
        if in_one_list(text, first, second):
            yield Ambiguous(said, concept, "any of the list", one_of_two)
        elif _between(_BOTH, text, first, second):
            yield Ambiguous(said, concept, one_of_two, f"{own} with {middle}, or {other} alone")
    joined = next((one for one in ordered if one.either), None)
    if joined is not None and (alone := _ONE_ALONE.search(text)):
        yield Ambiguous(alone[0], _concept(joined), "one of them or more", "one without the others")


def _between(pattern: re.Pattern[str], text: str, first: Mention | Value, second: Mention | Value) -> bool:
    return pattern.fullmatch(text, first.end_at, second.start_at) is not None


def _concept(one: Mention | Value) -> str:
    return one.measure if isinstance(one, Value) else one.finding.concept


def _graded_ahead(said: str, mention: Mention) -> bool:
    return mention.polarity == "present" and mention.graded and _GRADE.search(said) is None
