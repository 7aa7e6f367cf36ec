"""Where a grade is said of what stands before it (MRは中等度), and where of what follows (中等度のMR)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from echosearch.report.facts.reader.judge import is_other_motion
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import FORMING, State
from echosearch.report.facts.text.tokens import Token

__all__ = ["said_of_what_is_before"]

_THEN_GRADED = re.compile(r"(?:有り?|あり|\+\)?)\s*[:(\[]\s*$")
_TOLD = re.compile(r"[は:(]|ともに|とも|いずれも|共に|が")
_SO = re.compile("により|による|に伴|のため|に起因")
_ATTACHED = re.compile(r"\s*の?\s*")
_IS = re.compile("で(?!の|ある|あり|あった|な|は)")  # 全周性に大量で


class _Place(NamedTuple):
    """A grade, with what stands on both sides of it."""

    state: State
    found: list[Token]
    at: int
    grade: Token
    last: Mention  # the finding named last
    before: str  # the words between that and the grade
    after: str | None  # the words between the grade and what forms a finding next; None where nothing does
    following: Token | None  # that

    @property
    def attached(self) -> bool:
        """Whether what follows may be what the grade is said of: 中等度のMR."""
        return self.after is not None and _ATTACHED.fullmatch(self.after) is not None

    @property
    def apart(self) -> bool:
        return self.after == " "

    @property
    def more_follows(self) -> bool:
        """Whether a finding follows before the next comma: 左房拡大、軽度の弁逆流."""
        text, end = self.state.text, self.found[self.at].end
        for token in self.found[self.at + 1 :]:
            gap = text[end : token.start]
            if "、" in gap or "," in gap:
                return False
            if token.kind in FORMING:
                return True
            if token.kind in ("positive", "negative", "severity", "end"):
                return False
            end = token.end
        return False


def said_of_what_is_before(state: State, found: list[Token], index: int, grade: Token) -> bool:
    """Return whether a grade is said of what stands before it, rather than of what follows."""
    if state.last is None:
        return False
    place = _place(state, state.last, found, index, grade)
    for rule in _RULES:
        answer = rule(place)
        if answer is not None:
            return answer
    return bool(_TOLD.search(place.before)) or not place.attached or (not place.last.graded and not state.cued)


def _place(state: State, last: Mention, found: list[Token], index: int, grade: Token) -> _Place:
    following = next((t for t in found[max(index, state.done) + 1 :] if t.kind != "skip"), None)
    if following is not None and following.kind not in FORMING:
        following = None
    after = None if following is None else state.text[grade.end : following.start]
    return _Place(state, found, index, grade, last, state.text[last.end : grade.start], after, following)


def _by_what_waits(place: _Place) -> bool | None:
    """Answer by the structures and neutral names that wait for their finding: it takes the grade."""
    state = place.state
    if state.group and not state.qualities and not state.heads and _IS.match(state.text, place.grade.end):
        return True
    waits = state.heads or state.regions or state.diffuse
    return False if state.qualities or (waits and place.more_follows) else None


def _in_a_question(place: _Place) -> bool | None:
    asked = place.state.query and place.state.group and not place.last.graded
    if asked and place.last.finding.group != "state" and place.before in ("が", "は", "も"):
        return True  # MRが中等度以上のTAVI症例
    return None


def _by_words_beside(place: _Place) -> bool | None:
    """Answer by the words right beside the grade."""
    state, before, attached = place.state, place.before, place.attached
    if place.apart and state.strong and before.strip() in ("and", "with"):
        return False  # prolapse and moderate MR
    if attached and "の" in (place.after or ""):
        return False
    open_ = state.group and not state.comma
    if open_ and before.endswith("(") and state.text.startswith(")", place.grade.end):
        return True  # MRあり(軽度)
    if open_ and _THEN_GRADED.search(before):
        return True  # [有:軽度]
    if attached and _SO.search(before):
        return False  # 逸脱により高度MR
    return None


def _by_time(place: _Place) -> bool | None:
    """Answer by the time that was named: one of today, or what an arrow leads to."""
    state, following = place.state, place.following
    if place.attached and following is not None and state.now and is_other_motion(place.last, following):
        return False  # 下壁は前回無収縮、今回は軽度低下
    return True if state.arrow and state.group else None


def _by_what_was_said(place: _Place) -> bool | None:
    """Answer by whether the finding before it has its predicate, or its grade, already."""
    state, last, attached = place.state, place.last, place.attached
    said = last.finding.group == "state" or state.cued
    if place.following is not None and said and not place.apart and place.more_follows:
        return False
    if (state.comma and not state.now) or not state.group:
        return not attached and not place.more_follows
    joined = state.strong or place.before.endswith(" ")
    named_first = place.grade.kind == "grade" and not (last.graded or state.comma or state.strong)  # MRⅠ°ARⅡ°
    if attached and not place.apart and joined and not named_first:
        return False
    if last.graded and not state.now and not (state.earlier and state.earlier_after):
        return not attached
    return False if state.cued and attached else None


_RULES: tuple[Callable[[_Place], bool | None], ...] = (  # the first that answers
    _by_what_waits,
    _in_a_question,
    _by_words_beside,
    _by_time,
    _by_what_was_said,
)
