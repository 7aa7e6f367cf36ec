"""Which findings a cue speaks of: those that it reaches, and what stands between that keeps it out."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.cues.reach import gone, in_brackets_of_its_own, of_another, reached, today
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.numbers.unmeasured import CAUSE
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["of_today", "spoken_of"]

_WAS = re.compile("(?:であった|だった)(?:が|ものが|けれど)")
_BUT = re.compile("以外|他[にはの]|その他|ほか")
_ELSEWHERE = re.compile("[、,][^、,。]{1,10}は$")
_OF_TODAY = ("negative", "suspected", "insignificant", "undenied")
_SO = re.compile("(?:程度|くらい)?(?:と|か)?")
_AGAIN = re.compile("(?:今回|現在|本日)も?")  # 前回の血栓は今回も認める
_NOTHING = re.compile("有意なもの(?:は|を|が)?(?:特に)?(?:なし|な[いく]|認め(?:ず|な|ま|られ)|みられ|ありま)[^、。]*$")
_NO_CAUSE = re.compile("(?:による|に伴う|に起因する)もの(?:で(?:は)?)?$")
_BUT_OF = re.compile("[がも][^、。]{1,16}$")
_ANNOUNCES = re.compile(r"\s*:")
_MILD = 2
_IS_NOT = re.compile("では?な[いく]")
_OF_NOTHING = re.compile(
    r"(?:none|nothing) significant\s*(?:[^\sA-Za-z]|$|but|except|other)", re.I
)  # none significant, MR moderate


def spoken_of(state: State, token: Token, kind: str) -> list[Mention]:
    """Return the findings that a cue speaks of; where there are none, note what it may say of those that follow."""
    targets = _pointed_at(state, token, kind)
    if kind == "insignificant" and _of_all_else(state, token, targets):
        return []
    if kind == "insignificant" and not targets:
        targets = state.mentions[-1:]  # ARを認めますが、有意なものではない
    if not targets and _answers_heading(state, token):
        return []
    if not targets and kind == "suspected":
        targets = _graded_last(state, token)
    if not targets:
        _note_for_next(state, token, kind)
        return []
    if (kind == "negative" and _graded_anew(state, targets)) or _kept_out(state, token, kind, targets[-1]):
        return []
    return targets


def _pointed_at(state: State, token: Token, kind: str) -> list[Mention]:
    """Return the findings that a cue reaches, or those that its words point at."""
    targets = reached(state, "sign" if token.rule == "grade.negative" else kind)
    if kind == "negative":
        return _denied(state, token, targets)
    if kind == "undenied" and (not targets or state.cued):
        denied = [m for m in state.mentions if m.cues[-1:] == ["negative"]]
        return denied[-1:] or targets  # 指摘できないが、否定もできない
    if kind == "insignificant" and state.text.endswith("いずれも", 0, token.start):
        # MRは軽度、TRは…で、いずれも
        return [m for m in state.mentions if m.finding.group == "valve" and not m.historical]
    return targets


def _denied(state: State, token: Token, targets: list[Mention]) -> list[Mention]:
    """Return the findings that a denial is of; where there are none, turn the grade round that a query begins with."""
    if _NO_CAUSE.search(state.text, max(0, token.start - 8), token.start):
        targets = targets[-1:]  # MRは逸脱によるものではなく…
    if not targets and state.now and state.mentions and not state.arrow:
        return [gone(state)]
    if not targets and state.query and state.front is not None:
        state.front = state.front._replace(value=_but(state.front.value))  # 重症でないAS
    return targets


def _of_all_else(state: State, token: Token, targets: list[Mention]) -> bool:
    """Return whether 有意 is denied of all but what was named before."""
    if not targets:  # ASが高度である以外に有意なものはない
        return bool(state.mentions) and _BUT.search(state.text, state.mentions[-1].end, token.start) is not None
    last = targets[-1]
    told = last.graded or last.cues == ["positive"]
    return told and _BUT.search(state.text, last.end, token.start) is not None  # 軽度のMRを認めるほかは有意所見なし


def _answers_heading(state: State, token: Token) -> bool:
    """Read a denial of all that a heading names: 弁膜症については有意なものを認めない."""
    if state.topic != ("valves",) or not _NOTHING.search(state.text, max(0, token.start - 16), token.end):
        return False
    form(state, state.lexicon.findings["valve_disease"], token.start, token.end).cues.append("insignificant")
    state.cued = True
    return True


def _graded_last(state: State, token: Token) -> list[Mention]:
    """Return the finding whose grade is what is supposed: MRは偏心性ですがII度と思われる."""
    last = state.last
    return [last] if last is not None and last.graded and _SO.fullmatch(state.text, last.end, token.start) else []


def _note_for_next(state: State, token: Token, kind: str) -> None:
    """Note what a cue that no finding stands before says of those that follow."""
    if kind == "negative" and state.noun and not state.qualities:
        state.regions = []  # 基部中隔の菲薄化なし、壁運動異常なし
        state.heads = [head for head in state.heads if head.value != ("septum",)]
    if kind == "negative" and _ANNOUNCES.match(state.text, token.end):
        state.denied = True  # 以下の所見を認めず: 血栓、疣贅
    elif kind == "insignificant" and not _OF_NOTHING.match(state.text, token.start):
        state.significant = state.denied = True  # 有意とはいえないAR
    elif kind == "unassessed" and state.text.startswith("な", token.end):
        state.unclear = True  # 評価困難なAR


def _but(grade: tuple[int, int]) -> tuple[int, int]:
    """Return the grades that are left of one that is denied: less of 重症でない, more of 軽度でない."""
    low, high = grade
    return (high + 1, 4) if high <= _MILD else (0, max(low - 1, 0))


def _graded_anew(state: State, targets: list[Mention]) -> bool:
    """Change the grade that a query denies of findings: MR重症でない, ASもARも重症でない."""
    last = targets[-1]
    grade = last.severity
    if not state.query or not last.graded or not grade or not _IS_NOT.match(state.text, last.end):
        return False
    for mention in targets:
        if mention.severity == grade:
            mention.severity = _but(grade)
    state.cued = True
    return True


def _kept_out(state: State, token: Token, kind: str, last: Mention) -> bool:
    """Return whether a cue speaks of something else than the finding before it."""
    if kind == "unassessed" and last.finding.concept == "af" and CAUSE.match(state.text, last.end):
        return True  # MRを疑うがAFのため評価困難
    if kind == "unassessed" and last.cues[-1:] == ["normal"] and _BUT_OF.search(state.text, last.end, token.start):
        return True  # 左室収縮は保たれているが弁の評価は困難
    denied = kind == "unassessed" and last.cues[-1:] == ["negative"]
    if denied and (of_another(state, last, token) or _ELSEWHERE.search(state.text, last.end, token.start)):
        return True  # 左房内血栓なし、左心耳は観察困難
    if kind == "unassessed" and in_brackets_of_its_own(state, last, token):
        return True  # 血栓なし(左心耳は評価困難)
    if kind in ("negative", "suspected") and of_another(state, last, token):
        state.cued = True
        return True  # 心嚢液を認めるが血行動態への影響なし
    return False


def of_today(state: State, token: Token, kind: str, targets: list[Mention]) -> list[Mention]:
    """Return the findings as they are today, where a cue speaks of an earlier state's."""
    last = targets[-1]
    again = kind == "positive" and not last.graded and _AGAIN.search(state.text, last.end, token.start)
    if state.now and (again or kind in _OF_TODAY) and targets[-1].historical:
        targets = [today(state, targets[-1])]
    if kind == "negative" and targets[-1].historical and state.text.startswith("消失", token.start):
        targets = [gone(state)]  # 入院時の心嚢液は消失
    was = last.graded and _WAS.search(state.text, last.end, token.start)  # ARは軽度であったが、今回は認めない
    if kind == "negative" and (state.arrow or was) and targets[-1].severity is not None:
        targets = [today(state, targets[-1])]
    return targets
