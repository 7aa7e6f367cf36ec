"""Lists read in step: MR/TR：軽度/中等度 gives each finding its own grade or sign."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["SAID", "zipped"]

_SLASH = re.compile(r"\s*[/・]\s*")
_LISTED = re.compile(r"\s*[/・、,]\s*")
_EACH = re.compile(r"\s*(?:は|が|も|:)?\s*(?:の程度は)?(?:それぞれ|各々|おのおの)(?:が|で|は)?、?")
_TOLD = re.compile(r"(?:逆流)?\s*[:は=]?\s*\s*\(?")
SAID = ("severity", "grade", "bare_grade", "negative", "positive")


def zipped(state: State, found: list[Token], index: int) -> bool:
    """Give each finding of a list the grade or sign at its place in a second list. False where there is none."""
    names = _names(state, found[index])
    if len(names) < 2:
        return False
    said = _halves(state, found[index])
    joint = _LISTED if _EACH.fullmatch(state.text, names[-1].end, found[index].start) else _SLASH
    place = index + 1
    while place < len(found) and len(said) < len(names):
        after = place + (found[place].kind == "and")
        if after >= len(found) or found[after].kind not in SAID:
            break
        if not joint.fullmatch(state.text, said[-1].end, found[after].start):
            break
        said.append(found[after])
        place = after + 1
    if len(said) != len(names):
        return False
    for mention, token in zip(names, said, strict=True):
        if token.kind in ("negative", "positive"):
            mention.cues.append(token.kind)
        else:
            mention.severity, mention.graded = token.value, True
    state.done = place - 1
    state.cued = True
    state.cue_end = said[-1].end
    return True


def _halves(state: State, token: Token) -> list[Token]:
    """軽度/中等度 is one word of the lexicon, and two grades here."""
    if token.kind != "severity" or not re.search("[/・]", state.text[token.start : token.end]):
        return [token]
    low, high = token.value
    return [token._replace(value=(low, low)), token._replace(value=(high, high))]


def _names(state: State, token: Token) -> list[Mention]:
    """The ungraded findings that slashes join right before a grade."""
    group = state.group
    if len(group) < 2 or state.cued:
        return []
    if _EACH.fullmatch(state.text, group[-1].end, token.start):
        return [] if any(one.graded or one.cues for one in group) else group[:]  # MRとTRはそれぞれ軽度、中等度
    if not _TOLD.fullmatch(state.text, group[-1].end, token.start):
        return []
    names = [group[-1]]
    for before in reversed(group[:-1]):
        if before.graded or before.cues or not _SLASH.fullmatch(state.text, before.end, names[0].start):
            break
        names.insert(0, before)
    return [] if names[-1].graded else names
