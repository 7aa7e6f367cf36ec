"""Which words of a query were understood: findings and values, and the cues about them."""

from __future__ import annotations

import re
from itertools import pairwise

from echosearch.report.facts.reader.mention import Mention, Value
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["cover"]

_NEAR = 3  # characters
# what is said of a finding and is read by no rule: MRが初めて重症になった, 心尖部を含む広範な無収縮
_MODIFIER = re.compile("初めて|はじめて|再び|急[にな速]|広範|一過性|一時的|持続")
_NOUN = re.compile("[一-龠ァ-ヶA-Za-z]{2}")
_QUERY_CUES = {
    *("negative", "positive", "insignificant", "suspected", "undenied", "unassessed", "history", "treated", "exclude"),
    *("and", "or", "any", "significant", "clear", "end"),
}


def cover(state: State, found: list[Token], mentions: list[Mention], covered: list[tuple[int, int]], at: int) -> None:
    """Note what of a query was understood: findings and values, and the cues about them."""
    found_here: list[Mention | Value] = [*mentions, *(one for one in state.values if one.value is not None)]
    for one in found_here:
        one.start_at = at + one.start
        covered += [(at + start, at + end) for start, end in _words_of(state.text, found, one)]
    if not found_here:
        return
    for token in found:
        of_name = token.kind in ("quality", "structure") and any(
            state.text[m.end : token.start] == "の" for m in mentions
        )  # 拘束型のTMF, 三尖の大動脈弁
        if of_name or (token.kind in _QUERY_CUES and _is_read(state, token, mentions)):
            covered.append((at + token.start, at + token.end))


def _is_read(state: State, token: Token, mentions: list[Mention]) -> bool:
    """Return whether a cue says something of what was found."""
    if token.kind == "history":
        return any(m.polarity == "historical" for m in mentions)  # 手術歴のあるAS: of no finding
    if token.kind == "unassessed":
        # TRPGが測定できていないTR: of no finding; TAVI未施行: of none that was put in
        return any(m.polarity == "not_assessed" or (m.finding.implant and m.end == token.start) for m in mentions)
    behind = min((token.start - m.end for m in mentions if token.start >= m.end), default=99)
    if token.kind == "treated":
        ahead = min((m.start - token.end for m in mentions if m.start >= token.end), default=99)
        treated = any("history" in m.cues or m.finding.implant for m in mentions)
        return treated and (behind <= _NEAR or ahead <= 1)  # s/p MVR
    return behind <= _NEAR or not state.text.startswith("し", token.start)


def _words_of(text: str, found: list[Token], one: Mention | Value) -> list[tuple[int, int]]:
    """Return where a finding's words are: of 重症の二次性MR not what stands between its grade and its name."""
    inside = [token for token in found if one.start <= token.start < one.end] if isinstance(one, Mention) else []
    places, begin = [], one.start
    for place, (first, second) in enumerate(pairwise(inside)):
        graded = place == 0 and first.kind in ("severity", "grade") and _NOUN.search(text, first.end, second.start)
        if graded or _MODIFIER.search(text, first.end, second.start):
            places.append((begin, first.end))
            begin = second.start
    return [*places, (begin, one.end)]
