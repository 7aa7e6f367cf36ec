"""A grade is given to the findings before it: to one, to all of a list, to what the sentence is about."""

from __future__ import annotations

import re
from collections.abc import Callable

from echosearch.report.facts.reader.cues.parted import part_from_denial
from echosearch.report.facts.reader.cues.reach import today
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["diastolic", "give_grade"]

# MRは逸脱によるもので、重症; MRはSAMに伴い2+
_CAUSE = re.compile(
    "(?:による|に伴う|に起因する)もので(?:はなく)?、?[^、。]{0,6}?(?:で)?$|に(?:伴い|より|よって|起因し)、?$"
)
_WAS = re.compile(
    "(?:であった|だった)(?:が|ものが|けれど)[、は]?(?:(?:今回|現在|本日)は?)?$"
)  # 高度だったが軽度となった
_LEFT = re.compile(
    "[はがも]?(?:ほぼ|ほとんど|概ね|大部分)消失(?:し(?:て(?:おり|いる))?|したが|したものの)?[、(](?:わずかに|現在|なお|残存は?)?"
)
_BEHIND_BRACKETS = re.compile(r"\)\s*[:はが]?\s*$")
_COMPARED = re.compile(r"以|[<>]|\b(?:least|less|most|more|up)\b")  # grade II以上, at least grade II
_TOGETHER = re.compile("とも|いずれ|共に|両|すべて|全て|[はも]")


def give_grade(state: State, grade: Token) -> None:
    """Give a grade to what stands before it; nothing where no finding was named."""
    if grade.value[0] > 0:
        part_from_denial(state)
    last = state.last_open or state.last
    if last is None:
        return
    value = grade.value
    if last.finding.concept == "lv_diastolic" and grade.kind != "severity":
        value = diastolic(state, grade)
    for rule in _RULES:
        if rule(state, last, grade, value):
            return


def diastolic(state: State, grade: Token) -> tuple[int, int]:
    """Return a grade of diastolic function: I, II, III are 2, 3, 4."""
    third = grade.value == (3, 4) and not _COMPARED.search(state.text, grade.start, grade.end)
    return (4, 4) if third else grade.value


def _to_the_one_outside(state: State, last: Mention, grade: Token, _value: tuple[int, int]) -> bool:
    """Grade the finding before the brackets that hold the last one: MR(A2逸脱): severe."""
    if last.depth <= state.depth or last.graded or not _BEHIND_BRACKETS.search(state.text, last.end, grade.start):
        return False
    outside = [one for one in state.mentions if one.depth <= state.depth and one.finding.group != "state"]
    if not outside or outside[-1].graded or outside[-1].cues:
        return False
    outside[-1].severity, outside[-1].graded = grade.value, True
    return True


def _to_the_topic(state: State, last: Mention, grade: Token, value: tuple[int, int]) -> bool:
    """Grade what the sentence is about, behind its cause: TRはリードに伴うもので、中等度."""
    if last.finding.group != "state" and not _CAUSE.search(state.text, last.end, grade.start):
        return False
    topic = next((m for m in reversed(state.mentions) if _is_topic(state, m)), None)
    if topic is None:
        return False
    if topic.severity is not None:
        topic.earlier_grade = False
        topic = today(state, topic)
    topic.severity, topic.graded = value, True
    return True


def _is_topic(state: State, mention: Mention) -> bool:
    """Whether a finding without a grade of today is what a sentence is about: MRは, 術前に高度であったMRは."""
    open_ = mention.severity is None or mention.earlier_grade or mention.historical
    former = state.now and mention.historical and mention.graded  # 昨年はMR高度でしたが、クリップ後は軽度
    return mention.finding.group != "state" and open_ and (former or state.text.startswith("は", mention.end))


def _to_what_is_left(state: State, last: Mention, grade: Token, value: tuple[int, int]) -> bool:
    """Grade what is left of a finding that has nearly gone: 心嚢液はほぼ消失、ごく少量のみ."""
    if last.cues[-1:] != ["negative"] or not _LEFT.fullmatch(state.text, last.end, grade.start):
        return False
    last.cues.clear()
    last.severity, last.graded = value, True
    return True


def _to_an_alternative(state: State, last: Mention, grade: Token, value: tuple[int, int]) -> bool:
    """Read the other half of a question: MRなしまたは軽度."""
    if not (state.query and state.either and "negative" in last.cues):
        return False
    state.mentions.append(Mention(last.finding, grade.start, grade.end, "none", value, True, either=True))
    state.either = False
    return True


def _to_an_earlier_state(state: State, last: Mention, grade: Token, value: tuple[int, int]) -> bool:
    """Keep the grade of an earlier time beside today's finding: MR(前回 軽度)."""
    if not (state.earlier and state.earlier_after):
        return False
    then = Mention(last.finding, last.start, grade.end, "none", value, True, historical=True)
    state.mentions.insert(len(state.mentions) - 1, then)
    if state.arrow:
        state.earlier = state.earlier_after = False  # 前回軽度から中等度に: the next grade is today's
    return True


def _to_todays_state(state: State, last: Mention, grade: Token, value: tuple[int, int]) -> bool:
    """Grade today's state of a finding whose earlier grade was named: 軽度から中等度に, 高度だったが軽度となった."""
    was = last.graded and last.severity is not None and _WAS.search(state.text, last.end, grade.start)
    grew = state.arrow and last.severity is not None
    if not (grew or (last.historical and state.now) or last.earlier_grade or was):
        return False
    last.earlier_grade = False
    now = today(state, last)
    now.severity, now.graded, now.end = value, True, max(now.end, grade.end)
    return True


def _to_the_list(state: State, last: Mention, grade: Token, value: tuple[int, int]) -> bool:
    """Grade the last finding, and those of its list that share the grade: AR、MRともに軽度."""
    graded = last.graded and last.severity is not None
    if last.finding.group == "state" or last.finding.severity is not None or graded:
        return False
    together = _TOGETHER.search(state.text, last.end, grade.start) is not None
    bracketed = state.text.endswith("(", last.end, grade.start) and not state.strong
    link, held = "none", False
    for mention in reversed(state.group or [last]):
        if mention.finding.group == "state" or mention.depth != last.depth:
            break
        if mention is not last and mention.finding.group != last.finding.group and (link != "strong" or not together):
            break
        if mention.end != last.end and state.text.startswith(":", mention.end):
            break  # PR: free、TR mild
        if (mention.severity is not None and mention.graded) or (bracketed and mention is not last and not held):
            break
        held = mention.shared
        mention.severity, mention.graded = value, mention is last
        link = mention.link
        if link == "none":
            break
    last.end = max(last.end, grade.end)
    return True


_RULES: tuple[Callable[[State, Mention, Token, tuple[int, int]], bool], ...] = (  # the first that gives it away
    _to_the_one_outside,
    _to_the_topic,
    _to_what_is_left,
    _to_an_alternative,
    _to_an_earlier_state,
    _to_todays_state,
    _to_the_list,
)
