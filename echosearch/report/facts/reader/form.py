"""A finding as it is named: it joins the open list or begins one, and takes the grade and the cues that wait for it."""

from __future__ import annotations

import re

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader.denied import denied_together, is_told_of
from echosearch.report.facts.reader.mention import Link, Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.reader.twice import said_again, subject

__all__ = ["form"]

_OF = re.compile("の|での|における|からの")
# PHを示唆する右室負荷
_HINTED = re.compile("を(?:積極的に|強く|明らかに)?(?:示唆する|疑う|疑わせる)(?:ような|明らかな|有意な)?")
_TOLD = re.compile("[はが]|びまん性に|全周性に|全体(?:的)?に")
# 無収縮(前回 低収縮)
_WAS = re.compile(r"\((?:前々?回|昨年|以前)[はに:]?\s*(?:軽度|中等度|高度|mild|moderate|severe)?の?\s*\Z")
_TREATS = re.compile(r"(?:[^、,]{0,6}|[^()]{0,16}\))に対(?:して|し|する)")  # MR(重症、二次性)に対し
_ECHO = re.compile("エコー|UCG|TTE|\\becho", re.IGNORECASE)
_TRACED = ("size", "motion", "pressure")  # groups of what an electrocardiogram only hints at


def form(state: State, finding: Finding, start: int, end: int, shared: bool = False, lent: bool = False) -> Mention:
    """Name a finding: join it to the open list, or begin one.

    ``shared``: it is one of several under one word (左房・左室の拡大); ``lent``: its structure was named before.
    """
    named_before = _go_on(state, finding, start, end, shared)
    if named_before is not None:
        return named_before
    last = state.last_open if not state.cued else None
    made = Mention(finding, start, end, _link(state, last, start, shared, lent), finding.severity, shared=shared)
    made.either, made.depth, made.graded = state.either, state.depth, finding.severity is not None
    _take_grade(state, made, lent)
    _take_cues(state, made, last)
    _take_time(state, made, last)
    if finding.implant and state.mentions and _TREATS.match(state.text, state.mentions[-1].end):
        made.treats = state.mentions[-1]
    _add(state, made, start, end)
    return made


def _go_on(state: State, finding: Finding, start: int, end: int, shared: bool) -> Mention | None:
    """Go on with a finding that was named before in another word of it. None where this is another finding."""
    last = state.last_open if not shared else None
    if last is not None and said_again(state.text, last, state.cued, state.front, finding, start, end):
        state.front = None
        state.place(finding, start, end)
        return last
    about = subject(state.text, state.mentions, start) if finding.group in ("valve", "pressure") else None
    if about is None or about.finding.concept != finding.concept or (about.graded and state.front):
        return None
    if state.front is not None:
        about.severity, about.graded, state.front = state.front.value, True, None
    about.end = end
    state.mentions.remove(about)
    state.mentions.append(about)
    state.group, state.cued = [about], False
    state.comma = state.strong = state.noun = False
    return about


def _link(state: State, last: Mention | None, start: int, shared: bool, lent: bool) -> Link:
    """Close the open list where it has ended; return how the new finding is joined to what is left of it."""
    hinted = state.cued and state.group and _HINTED.fullmatch(state.text, state.group[-1].end, start) is not None
    if (state.cued and not hinted) or (last is not None and not shared and _told(state, last, lent)):
        state.close()
    if last is not None and _OF.fullmatch(state.text, last.end, start) and not shared:
        state.group, state.list_front = [], None  # ASDの残存短絡: what is said next is said of the second
    if not state.group:
        return "none"
    return "strong" if state.strong or shared or hinted else "weak"


def _told(state: State, last: Mention, lent: bool) -> bool:
    """Whether the finding named last has its predicate: a number behind it, or a particle before it."""
    if state.strong:
        return False
    if state.values and state.values[-1].end > last.end:
        return True  # akinesis、EF 38%、血栓なし
    if state.waiting is not None and state.waiting.start >= last.end:
        return True  # VSD 3mm、PHなし
    begin = state.group[0].start if last.finding.group == "motion" and state.group else last.start
    return state.comma and not lent and _TOLD.search(state.text, begin, last.end) is not None  # 心尖部はakinesis、


def _take_grade(state: State, made: Mention, lent: bool) -> None:
    """Give the grade in front of a finding, or in front of its list, to it."""
    finding, front = made.finding, state.front
    if finding.group != "state" and finding.severity is None:
        if front is not None:
            state.list_front = (front.value, finding.group, front.end > made.start)
            made.severity, made.graded, made.earlier_grade = front.value, True, state.front_earlier
            made.start = min(made.start, front.start) if front.end <= made.start else made.start
        elif state.list_front is not None and _grades(state, made, state.list_front, lent):
            made.severity = state.list_front[0]
    if not made.shared:
        state.front, state.front_earlier = None, False
    if finding.concept == "lv_diastolic":
        state.list_front = None  # its grades are a scale of its own


def _grades(state: State, made: Mention, front: tuple[tuple[int, int], str, bool], lent: bool) -> bool:
    """Whether the grade in front of the list is said of this finding, too: 左房の軽度拡大 keeps its own."""
    grade, group, alone = front
    if lent and made.link == "strong" and state.group and state.group[-1].graded:
        return True  # 左室に軽度の拡大と肥大
    if made.shared:  # massive TR、右房・右室拡大: both, or neither
        return bool(state.group) and state.group[-1].severity == grade
    return not alone and (made.link == "strong" or group == made.finding.group != "motion")


def _take_cues(state: State, made: Mention, last: Mention | None) -> None:
    """Give a finding the cues that stand ahead of it: 有意な, 新たな, no, possible, rule out, excluding."""
    made.significant, made.new = state.significant, state.new
    made.excluded, made.dropped = state.excluding, state.asked or _traced(state, made)
    if state.unclear:
        made.cues.append("unassessed")
        state.unclear = False
    if state.comma and state.mentions and is_told_of(state.text, made.start, made.end):
        state.denied = False
    if state.denied:
        made.cues.append("negative")
        made.either = made.either and not denied_together(state.text, last, made.start)
        made.dropped = made.dropped or made.new  # no new wall motion abnormalities
    of_both = made.shared and bool(state.group) and state.group[-1].cues == ["suspected"]
    if state.suspected or of_both or (state.supposed and not made.seen):  # possible biatrial enlargement
        made.cues.append("suspected")
    state.suspected = state.supposed = False


def _traced(state: State, made: Mention) -> bool:
    """Whether an electrocardiogram shows it, and no echocardiogram was named since."""
    if state.traced == "" or made.finding.group not in _TRACED:
        return False
    return _ECHO.search(state.text, state.traced_at, made.start) is None


def _take_time(state: State, made: Mention, last: Mention | None) -> None:
    """Say of a finding whether it is of an earlier time, and end that time where it reaches one finding alone."""
    implant = made.finding.implant
    was = made.finding.group == "motion" and last and _WAS.search(state.text, last.end, made.start)
    made.historical = state.earlier and (not state.earlier_after or bool(was)) and not implant
    if implant and state.earlier and state.mentions:
        state.earlier = False  # 術前の重症ASは解除され、TAVI弁は…
    if state.earlier_after:
        state.earlier = state.earlier_after = False


def _add(state: State, made: Mention, start: int, end: int) -> None:
    """Add a finding to the open list: what follows is said of it."""
    state.group.append(made)
    state.mentions.append(made)
    state.strong = state.either = state.comma = state.arrow = state.recalled = state.noun = False
    if state.spared is not None:
        grade = state.spared
        state.mentions.append(Mention(made.finding, grade.start, end, "none", grade.value, excluded=True))
        state.spared = None
    if made.finding.head is not None:
        state.last_heads = (made.finding.head,)
    state.place(made.finding, start, end)
