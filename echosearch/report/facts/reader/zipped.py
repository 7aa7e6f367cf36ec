"""Grades told in step with a list (MR/TR：軽度/中等度), by part (両心房拡大(左房 高度、右房 中等度)) and by side."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import FORMING, State
from echosearch.report.facts.text.tokens import Token

__all__ = ["SAID", "in_step", "of_both_sides"]

_SLASH = re.compile(r"\s*[/・]\s*")
_LISTED = re.compile(r"\s*(?:[/・、,]|,? and)\s*")
_EACH = re.compile(r"\s*(?:は|が|も|に|で|には|:)?\s*(?:の程度は)?(?:それぞれ|各々|おのおの)(?:が|で|は)?、?")
_ARE = re.compile(r"\s(?:are|is|were|was|show|shows|have|with|demonstrate)\s|\s*[:=]\s*")
_RESPECTIVELY = re.compile(r"[^.;。]{0,80}\brespectively\b", re.IGNORECASE)
_TOLD = re.compile(r"(?:逆流)?\s*[:は=]?\s*\s*\(?")
_OF_PART = re.compile(r"\s*[:はが(]?\s*")
_SIDE = re.compile(
    r"(?:(?:を|に|が)?(?:認め|みられ|あり)|\(\+\))?\s*[、,/・とで]\s*(?:右|左|対側|反対側|right|left|R|L|Rt|Lt)(?:側|\.)?\s*(?:胸腔)?"
    r"(?:は|に|には|で|が|:|\()?\s*",
    re.IGNORECASE,
)
_SIDES = re.compile(
    r"に?[、,・]\s*[右左]側?[にはで]?\s*| (?:right|left)(?:-sided)?(?:,? and|,) (?:an? )?", re.IGNORECASE
)
SAID = ("severity", "grade", "bare_grade", "negative", "positive")


def in_step(state: State, found: list[Token], index: int) -> bool:
    """Read a grade or sign that is one of several told in step. False where it is not."""
    if (len(state.heads) > 1 or len(state.group) > 1) and _zipped(state, found, index):
        return True
    token = found[index]
    if token.kind not in ("severity", "grade") or not state.mentions:
        return False
    return _of_side(state, token) or _of_part(state, found, index)


def _zipped(state: State, found: list[Token], index: int) -> bool:
    """Give each finding, or structure, of a list the grade or sign at its place in a second list. False without one."""
    if state.heads:
        return _of_heads(state, found, index)
    names = _names(state, found[index])
    if len(names) < 2:
        return False
    each = _each(state, names[-1].end, found[index])
    said = _said(state, found, index, len(names), each)
    if len(said) != len(names):
        return False
    for mention, token in zip(names, said, strict=True):
        if token.kind in ("negative", "positive"):
            mention.cues.append(token.kind)
        else:
            mention.severity, mention.graded = token.value, True
    state.cued = True
    state.cue_end = said[-1].end
    return True


def _of_heads(state: State, found: list[Token], index: int) -> bool:
    """Let each structure wait with its own grade: 左房・左室はそれぞれ軽度、中等度に拡大."""
    heads, token = state.heads, found[index]
    if len(heads) < 2 or token.kind not in ("severity", "grade"):
        return False
    each = _each(state, heads[-1].end, token)
    if not each and not _TOLD.fullmatch(state.text, heads[-1].end, token.start):
        return False
    said = _said(state, found, index, len(heads), each)
    if len(said) != len(heads) or any(one.kind not in ("severity", "grade") for one in said):
        return False
    state.graded_heads = [((head,), grade) for head, grade in zip(heads[:-1], said[:-1], strict=True)]
    state.heads, state.front = heads[-1:], said[-1]
    return True


def _each(state: State, end: int, token: Token) -> bool:
    """Whether a list is told one by one: それぞれ, respectively."""
    if _EACH.fullmatch(state.text, end, token.start):
        return True
    return _ARE.fullmatch(state.text, end, token.start) is not None and (
        _RESPECTIVELY.match(state.text, token.end) is not None
    )


def _said(state: State, found: list[Token], index: int, count: int, each: bool) -> list[Token]:
    """The grades or signs of the second list, up to ``count``; the tokens up to the last are read then."""
    said = _halves(state, found[index])
    joint = _LISTED if each else _SLASH
    place = index + 1
    while place < len(found) and len(said) < count:
        after = place + (found[place].kind == "and")
        if after >= len(found) or found[after].kind not in SAID:
            break
        if not joint.fullmatch(state.text, said[-1].end, found[after].start):
            break
        said += _halves(state, found[after])
        place = after + 1
    if len(said) == count:
        state.done = place - 1
    return said


def _halves(state: State, token: Token) -> list[Token]:
    """軽度/中等度 is one word of the lexicon, and two grades here."""
    if token.kind != "severity" or not re.search("[/・]", state.text[token.start : token.end]):
        return [token]
    low, high = token.value
    return [token._replace(value=(low, low)), token._replace(value=(high, high))]


def _names(state: State, token: Token) -> list[Mention]:
    """The ungraded findings that slashes join right before a grade."""
    group = state.group
    if len(group) < 2:
        return []
    if _each(state, group[-1].end, token):
        told = any(one.graded or one.cues not in ([], ["positive"]) for one in group)
        return [] if told else group[:]  # MRとTRはそれぞれ軽度、中等度
    if state.cued or not _TOLD.fullmatch(state.text, group[-1].end, token.start):
        return []
    names = [group[-1]]
    for before in reversed(group[:-1]):
        if before.graded or before.cues or not _SLASH.fullmatch(state.text, before.end, names[0].start):
            break
        names.insert(0, before)
    return [] if names[-1].graded else names


def _of_part(state: State, found: list[Token], index: int) -> bool:
    """Grade one of the findings named together: 両心房拡大(左房 高度、右房 中等度). False where it is another."""
    token = found[index]
    if len(state.heads) != 1 or len(state.heads[0].value) != 1 or len(state.mentions) < 2 or state.qualities:
        return False
    head = state.heads[0]
    following = found[index + 1] if index + 1 < len(found) else None
    if not _OF_PART.fullmatch(state.text, head.end, token.start) or (
        following is not None
        and following.kind in FORMING
        and not re.search("[、,()]", state.text[token.end : following.start])
    ):
        return False
    concepts = {finding.concept for (name, _), finding in state.lexicon.compounds.items() if name == head.value[0]}
    named = next((m for m in reversed(state.mentions) if m.finding.concept in concepts), None)
    if named is None or named.graded or named.cues not in ([], ["positive"]) or state.depth <= named.depth:
        return False
    named.severity, named.graded = token.value, True
    state.settle()
    state.cued = True
    return True


def _of_side(state: State, token: Token) -> bool:
    """Grade the other side of a finding as a second fact: 左胸水少量、右中等量. False where no side is named."""
    last = state.last
    if last is None or last.finding.concept != "pleural_effusion" or last.severity is None:
        return False
    if not _SIDE.fullmatch(state.text, last.end, token.start):
        return False
    state.group, state.cued, state.front = [_second(state, last, token)], False, None
    return True


def of_both_sides(state: State, found: list[Token], index: int, made: Mention) -> None:
    """Read two grades in front of a finding of two sides: 右に中等量、左に少量の胸水."""
    grades = [token for token in found[max(0, index - 3) : index] if token.kind in ("severity", "grade")][-2:]
    if len(grades) == 2 and made.graded and _SIDES.fullmatch(state.text, grades[0].end, grades[1].start):
        _second(state, made, grades[0])


def _second(state: State, first: Mention, token: Token) -> Mention:
    made = Mention(first.finding, first.start, max(first.end, token.end), "none", token.value, True)
    made.historical = first.historical
    state.mentions.insert(len(state.mentions) - (token.end < first.end), made)
    return made
