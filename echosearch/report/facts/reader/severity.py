"""Severity: whether a grade stands before its findings or after them, ranges, and earlier grades."""

from __future__ import annotations

import re

from echosearch.report.facts.reader import quality
from echosearch.report.facts.reader.cues.reach import today
from echosearch.report.facts.reader.interval import compared, join_grades
from echosearch.report.facts.reader.judge import is_other_motion
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import FORMING, State
from echosearch.report.facts.text.tokens import Token

__all__ = ["grade"]

_FROM_TO = re.compile("from (?:mild|moderate) to (?:moderate|severe)", re.IGNORECASE)
_THEN_GRADED = re.compile(r"(?:有り?|あり|\+\)?)\s*[:(\[]\s*$")
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
_NO_GAP = re.compile("[の ]?")
_ADVERB = re.compile("著|わずか|やや|若干|少し|軽く")
_TOLD = re.compile(r"[は:(]|ともに|とも|いずれも|共に|が")
_SO = re.compile("により|による|に伴|のため|に起因")
_SAID_OF = re.compile("[はがも]")
_SO_IT_IS = re.compile("で(?:あり|、)")
NEAR = 40  # characters before a grade in which a word about it stands
_OF_THE_FINDING = re.compile("(?:程度|重症度)[はも:]$")
_OF_A_TEST = re.compile(r"(?:テスト|test|スコア|score|NYHA)(?:は|で|:|\s|class)*$", re.IGNORECASE)
_COMPARED = re.compile(r"以|[<>]|\b(?:least|less|most|more|up)\b")  # grade II以上, at least grade II
_TOGETHER = re.compile("とも|いずれ|共に|両|すべて|全て|[はも]")
_ATTACHED = re.compile(r"\s*の?\s*")
_IS = re.compile("で(?!の|ある|あり|あった|な|は)")  # 全周性に大量で
_NOT_BUT = re.compile(r"(?:では?|じゃ)な[くい](?:て)?、?(?:むしろ)?")  # mildではなくmoderate
_OF_ANOTHER = re.compile(r"[がも、][^、。]{0,16}?(?:血流|範囲|頻度|速度|変化)[はがも:]?\s*$")  # PFOはあるが血流微量


def grade(state: State, found: list[Token], index: int) -> None:  # noqa: C901 - rules in order of precedence, the first that applies answers
    """Read a grade: join a range, find out what it grades."""
    token = compared(state, found[index])
    if token.kind == "tendency":
        _tendency(state, token)
        return
    if _of_another(state, token) or _corrected(state, found, index):
        return
    following = found[index + 1] if index + 1 < len(found) else None
    grew = following is not None and following.kind == "abnormal" and following.value == "high" and not state.qualities
    grew = grew and not state.text[token.start].isascii()  # mildly elevated …
    if not state.arrow and following is not None and (following.kind == "change" or grew):
        words, gap = state.text[token.start : token.end], state.text[token.end : following.start]
        if _NO_GAP.fullmatch(gap) or (gap == "に" and _ADVERB.match(words)):
            return  # やや増悪: how much it changed
    whole = _FROM_TO.match(state.text, max(0, token.start - 5))
    if token.kind == "severity" and whole is not None and whole.end() == token.end:
        low, high = token.value
        _grade_list(state, token._replace(value=(low, low)))  # from mild to moderate
        state.arrow = True
        token = token._replace(value=(high, high))
    token = join_grades(state, found, index, token)
    of_finding = _OF_THE_FINDING.search(state.text, max(0, token.start - NEAR), token.start)
    if (
        state.noun
        and not of_finding
        and not _attached(state, token, found[state.done + 1 if state.done > index else index + 1 :])
    ):
        return  # 開放制限軽度
    if token.kind in ("grade", "bare_grade") and quality.grade_quality(state, _diastolic(state, token), token):
        return
    if token.kind == "bare_grade" and not (state.arrow and state.group) and not _right_behind(state, token):
        return
    if _after(state, found, index, token):
        _grade_list(state, token)
        state.strong = False
    else:
        if state.group and state.comma and not state.strong and state.denied:
            state.close()
        past = state.text.startswith(("だった", "であった"), token.end)  # 中等度だったAR
        if state.front is not None and state.heads and state.heads[0].start >= state.front.end:
            state.graded_heads.append(
                (tuple(state.heads), state.front)
            )  # trace mitral and mild tricuspid regurgitation
            state.heads = []
        state.front, state.front_earlier = token, state.earlier or state.recalled or past


def _of_another(state: State, token: Token) -> bool:
    """Whether a grade speaks of what is no finding."""
    last = state.last
    if token.kind == "bare_grade" and last is not None and last.finding.group == "shunt":
        return True  # ASD(II): of the second kind
    if _OF_A_TEST.search(state.text, max(0, token.start - NEAR), token.start):
        return True  # バブルテスト grade 2
    if last is not None and (state.cued or not state.group) and _OF_ANOTHER.search(state.text, last.end, token.start):
        return True
    said = state.qualities and _SAID_OF.fullmatch(state.text, state.qualities[-1][1].end, token.start)
    return bool(said and _SO_IT_IS.match(state.text, token.end))  # 開放はわずかで


def _corrected(state: State, found: list[Token], index: int) -> bool:
    """Whether another grade is given in a grade's place: mildではなくmoderate."""
    if not state.text.startswith(("で", "じゃ"), found[index].end):
        return False
    for place in range(index + 1, min(index + 4, len(found))):
        if found[place].kind in ("severity", "grade"):
            if _NOT_BUT.fullmatch(state.text, found[index].end, found[place].start):
                state.done = place - 1
                return True
            break
    return False


def _tendency(state: State, token: Token) -> None:
    """Grade the finding right before 傾向, 気味, and those that share its word: 両心房の拡大傾向."""
    last = state.group[-1] if state.group else None
    if last is None or state.comma or last.graded or state.text[last.end : token.start].strip() != "":
        return
    last.end = token.end
    for mention in reversed(state.group):
        if mention.graded:
            break
        mention.severity, mention.graded = token.value, True
        if not mention.shared:
            break


def _attached(state: State, token: Token, after: list[Token]) -> bool:
    """Whether what a grade stands before follows at once: 中等度のMR."""
    return bool(after) and after[0].kind in FORMING and bool(_NO_GAP.fullmatch(state.text, token.end, after[0].start))


def _diastolic(state: State, token: Token) -> tuple[int, int]:
    """Diastolic grades I, II, III are 2, 3, 4."""
    third = token.value == (3, 4) and not _COMPARED.search(state.text, token.start, token.end)
    return (4, 4) if third else token.value


def _right_behind(state: State, token: Token) -> bool:
    last = state.group[-1] if state.group else None
    return last is not None and state.text[last.end : token.start].strip(" :(は") == "" and not state.comma


def _after(state: State, found: list[Token], index: int, token: Token) -> bool:  # noqa: C901 - rules in order of precedence, the first that applies answers
    """Whether a grade speaks of what stands before it, rather than of what follows."""
    last = state.last
    if last is None:
        return False
    if state.group and not state.qualities and not state.heads and _IS.match(state.text, token.end):
        return True
    if state.qualities or ((state.heads or state.regions or state.diffuse) and _more_follows(state, found, index)):
        return False
    following = next((t for t in found[max(index, state.done) + 1 :] if t.kind != "skip"), None)
    forms = following is not None and following.kind in FORMING
    asked = state.query and state.group and not last.graded and last.finding.group != "state"
    if asked and state.text[last.end : token.start] in ("が", "は", "も"):
        return True  # MRが中等度以上のTAVI症例
    attached = (
        forms and following is not None and _ATTACHED.fullmatch(state.text, token.end, following.start) is not None
    )
    apart = forms and following is not None and state.text[token.end : following.start] == " "
    before = state.text[last.end : token.start]
    if apart and state.strong and before.strip() in ("and", "with"):
        return False  # prolapse and moderate MR
    if attached and following is not None and "の" in state.text[token.end : following.start]:
        return False
    if before.endswith("(") and state.text.startswith(")", token.end) and state.group and not state.comma:
        return True  # MRあり(軽度)
    if state.group and not state.comma and _THEN_GRADED.search(before):
        return True  # [有:軽度]
    if attached and _SO.search(before):
        return False  # 逸脱により高度MR
    if attached and following is not None and state.now and is_other_motion(last, following):
        return False  # 下壁は前回無収縮、今回は軽度低下
    if state.arrow and state.group:
        return True
    if forms and (last.finding.group == "state" or state.cued) and not apart and _more_follows(state, found, index):
        return False
    if (state.comma and state.now is False) or not state.group:
        return not attached and not _more_follows(state, found, index)
    named_first = token.kind == "grade" and not last.graded and not state.comma and not state.strong  # MRⅠ°ARⅡ°
    if attached and not apart and (state.strong or before.endswith(" ")) and not named_first:
        return False
    if last.graded and not state.now and not (state.earlier and state.earlier_after):
        return not attached
    if state.cued and attached:
        return False
    return bool(_TOLD.search(before)) or not attached or (not last.graded and not state.cued)


def _more_follows(state: State, found: list[Token], index: int) -> bool:
    """Whether a finding follows before the next comma: 左房拡大、軽度の弁逆流."""
    end = found[index].end
    for token in found[index + 1 :]:
        gap = state.text[end : token.start]
        if "、" in gap or "," in gap:
            return False
        if token.kind in FORMING:
            return True
        if token.kind in ("positive", "negative", "severity", "end"):
            return False
        end = token.end
    return False


def _topic(state: State, mention: Mention) -> bool:
    """Whether a finding without a grade of today is what a sentence is about: MRは, 術前に高度であったMRは."""
    open_ = mention.severity is None or mention.earlier_grade or mention.historical
    former = state.now and mention.historical and mention.graded  # 昨年はMR高度でしたが、クリップ後は軽度
    return mention.finding.group != "state" and open_ and (former or state.text.startswith("は", mention.end))


def _grade_list(state: State, token: Token) -> None:  # noqa: C901 - rules in order of precedence, the first that applies answers
    last = state.group[-1] if state.group else state.last
    if last is None:
        return
    if last.depth > state.depth and not last.graded and _BEHIND_BRACKETS.search(state.text, last.end, token.start):
        outside = [one for one in state.mentions if one.depth <= state.depth and one.finding.group != "state"]
        if outside and not outside[-1].graded and not outside[-1].cues:
            outside[-1].severity, outside[-1].graded = token.value, True  # MR(A2逸脱): severe
            return
    value = (
        _diastolic(state, token) if last.finding.concept == "lv_diastolic" and token.kind != "severity" else token.value
    )
    if last.finding.group == "state" or _CAUSE.search(state.text, last.end, token.start):
        topic = next((m for m in reversed(state.mentions) if _topic(state, m)), None)
        if topic is not None:
            if topic.severity is not None:
                topic.earlier_grade = False
                topic = today(state, topic)
            topic.severity, topic.graded = value, True  # TRはリードに伴うもので、中等度
            return
    if last.cues[-1:] == ["negative"] and _LEFT.fullmatch(state.text, last.end, token.start):
        last.cues.clear()  # 心嚢液はほぼ消失、ごく少量のみ
        last.severity, last.graded = value, True
        return
    if state.query and state.either and "negative" in last.cues:
        made = Mention(last.finding, token.start, token.end, "none", value, True, either=True)  # MRなしまたは軽度
        state.mentions.append(made)
        state.either = False
        return
    if state.earlier and state.earlier_after:
        copy = Mention(last.finding, last.start, token.end, "none", value, True, historical=True)
        state.mentions.insert(len(state.mentions) - 1, copy)
        if state.arrow:
            state.earlier = state.earlier_after = False  # 前回軽度から中等度に: the next grade is today's
        return
    was = last.graded and last.severity is not None and _WAS.search(state.text, last.end, token.start)
    if (state.arrow and last.severity is not None) or (last.historical and state.now) or last.earlier_grade or was:
        last.earlier_grade = False
        copy = today(state, last)
        copy.severity, copy.graded, copy.end = value, True, max(copy.end, token.end)
        return
    if (
        last.finding.group == "state"
        or last.finding.severity is not None
        or (last.graded and last.severity is not None)
    ):
        return
    group, link, held = last.finding.group, "none", False
    together = _TOGETHER.search(state.text, last.end, token.start) is not None
    bracketed = state.text.endswith("(", last.end, token.start) and not state.strong
    for mention in reversed(state.group or [last]):
        if mention.finding.group == "state" or mention.depth != last.depth:
            break
        if mention is not last and mention.finding.group != group and (link != "strong" or not together):
            break
        if mention.end != last.end and state.text.startswith(":", mention.end):
            break  # PR: free、TR mild
        if (mention.severity is not None and mention.graded) or (bracketed and mention is not last and not held):
            break
        held = mention.shared
        mention.severity = value
        mention.graded = mention is last
        link = mention.link
        if link == "none":
            break
    last.end = max(last.end, token.end)
