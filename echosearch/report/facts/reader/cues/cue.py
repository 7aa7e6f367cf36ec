"""Polarity: which findings a cue reaches, and what it says of them."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.cues.meaning import meaning
from echosearch.report.facts.reader.cues.parted import part_from_denial, says_it_is_there
from echosearch.report.facts.reader.cues.reach import today
from echosearch.report.facts.reader.cues.spares import spares
from echosearch.report.facts.reader.cues.targets import of_today, spoken_of
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["apply"]

_APPEARED = re.compile("(?:出現|発生|発症|指摘され|認め(?:られ)?|みられ|見られ|生じ)(?:した|た|ていた|ている)$")
_SAYABLE = re.compile("いえ|言え|考え|判断|難い|がたい")
_UNLIKELY = re.compile("可能性|考えに|考え難|考えが|否定的|疑わ|示唆|unlikely")


def apply(state: State, found: list[Token], index: int) -> None:
    """Let a cue work on what it reaches."""
    token = found[index]
    kind = meaning(state, found, index)
    if kind == "positive" and says_it_is_there(state, token):
        part_from_denial(state)
    targets = spoken_of(state, token, kind) if kind is not None else []
    if kind is not None and targets:
        _say(state, token, kind, of_today(state, token, kind, targets))


def _say(state: State, token: Token, kind: str, targets: list[Mention]) -> None:
    """Note a cue on the findings that it speaks of."""
    for mention in targets:
        if spares(state, token, kind, mention, mention is targets[-1]):
            continue
        appeared = kind == "change" and _APPEARED.search(state.text, max(0, mention.start - 12), mention.start)
        if mention.new and not appeared and (kind == "negative" or token.rule == "unchanged"):
            mention.dropped = True
        if kind == "negative" and mention.earlier_grade and mention.severity is not None:
            mention.historical = True
            mention = today(state, mention)
        if (
            kind == "negative"
            and mention.cues[-1:] == ["normal"]
            and _SAYABLE.search(state.text, token.start, token.end)
        ):
            mention.cues.append("undenied")  # 正常とは言えない
            continue
        if kind == "negative" and _UNLIKELY.search(state.text, token.start, token.end):
            mention.cues.append("suspected")  # 可能性は低いと考える: the suspicion is denied, whatever follows
        mention.cues.append(kind)
    state.arrow = False
    state.cued = True
    if kind != "change":
        state.cue_end = token.end
