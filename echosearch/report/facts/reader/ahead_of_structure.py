"""An attribute that stands ahead of its structures: 拡大した左房・左室, dilated left atrium."""

from __future__ import annotations

import re

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader.compose import compound_findings
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["resolve", "resolve_more"]

_ALSO = re.compile(r"\s*(?:・|と|や|、|および|及び|and)\s*")


def resolve_more(state: State, token: Token) -> bool:
    """Join a second structure to its attribute: 拡大した左房・左室. False if none was joined just before."""
    if state.resolved is None:
        return False
    part, before = state.resolved
    if not _ALSO.fullmatch(state.text, before.end, token.start):
        return False
    found = [f for name in token.value for f in compound_findings(state, name, part.value)]
    for finding in found:
        state.resolved = (part, _beside(state, before, finding, token))
    return bool(found)


def resolve(state: State, token: Token) -> bool:
    """Join a structure to the attribute before it: 拡大した左房, dilated left atrium. False if it begins anew."""
    if state.orphan is None:
        return False
    part, mention = state.orphan
    state.orphan = None
    apart = re.search("[ ・]", state.text[mention.end : token.start]) and not state.text[mention.start].isascii()
    if apart and "negative" in mention.cues:
        return False  # 逸脱なし ・肺動脈弁: …
    found = [f for name in token.value for f in compound_findings(state, name, part.value)]
    if not found:
        return False
    mention.finding = found[0]
    mention.end = token.end
    state.resolved = (part, mention)
    for finding in found[1:]:
        _beside(state, mention, finding, token)
    state.last_heads = token.value
    state.heads = []
    return True


def _beside(state: State, before: Mention, finding: Finding, token: Token) -> Mention:
    """Name a finding of which is said what was said of the one before it."""
    made = Mention(finding, token.start, token.end, "strong", before.severity, before.graded, shared=True)
    made.cues, made.historical, made.significant = list(before.cues), before.historical, before.significant
    state.group.append(made)
    state.mentions.append(made)
    return made
