"""A grade in a sentence: what it may be said of besides a finding, ranges, and whether it waits for what follows."""

from __future__ import annotations

import re

from echosearch.report.facts.reader import quality
from echosearch.report.facts.reader.severity.behind import said_of_what_is_before
from echosearch.report.facts.reader.severity.give import diastolic, give_grade
from echosearch.report.facts.reader.severity.interval import compared, join_grades
from echosearch.report.facts.reader.state import FORMING, State
from echosearch.report.facts.text.tokens import Token

__all__ = ["read_grade"]

_FROM_TO = re.compile("from (?:mild|moderate) to (?:moderate|severe)", re.IGNORECASE)
_NO_GAP = re.compile("[の ]?")
_ADVERB = re.compile("著|わずか|やや|若干|少し|軽く")
_SAID_OF = re.compile("[はがも]")
_SO_IT_IS = re.compile("で(?:あり|、)")
_NEAR = 40  # characters before a grade in which a word about it stands
_OF_THE_FINDING = re.compile("(?:程度|重症度)[はも:]$")
_OF_A_TEST = re.compile(r"(?:テスト|test|スコア|score|NYHA)(?:は|で|:|\s|class)*$", re.IGNORECASE)
_NOT_BUT = re.compile(r"(?:では?|じゃ)な[くい](?:て)?、?(?:むしろ)?")  # mildではなくmoderate
_OF_ANOTHER = re.compile(r"[がも、][^、。]{0,16}?(?:血流|範囲|頻度|速度|変化)[はがも:]?\s*$")  # PFOはあるが血流微量


def read_grade(state: State, found: list[Token], index: int) -> None:
    """Read a grade: join a range, and give it to what stands before it or keep it for what follows."""
    grade = compared(state, found[index])
    if grade.kind == "tendency":
        _tendency(state, grade)
        return
    if _of_another(state, grade) or _corrected(state, found, index) or _of_a_change(state, found, index, grade):
        return
    grade = join_grades(state, found, index, _changed_to(state, grade))
    if _of_no_finding(state, found, index, grade):
        return
    if said_of_what_is_before(state, found, index, grade):
        give_grade(state, grade)
        state.strong = False
    else:
        _keep(state, grade)


def _keep(state: State, grade: Token) -> None:
    """Keep a grade for the finding that follows."""
    if state.group and state.comma and not state.strong and state.denied:
        state.close()
    if state.front is not None and state.heads and state.heads[0].start >= state.front.end:
        state.graded_heads.append((tuple(state.heads), state.front))  # trace mitral and mild tricuspid regurgitation
        state.heads = []
    past = state.text.startswith(("だった", "であった"), grade.end)  # 中等度だったAR
    state.front, state.front_earlier = grade, state.earlier or state.recalled or past


def _of_another(state: State, grade: Token) -> bool:
    """Whether a grade speaks of what is no finding."""
    last = state.last
    if grade.kind == "bare_grade" and last is not None and last.finding.group == "shunt":
        return True  # ASD(II): of the second kind
    if _OF_A_TEST.search(state.text, max(0, grade.start - _NEAR), grade.start):
        return True  # バブルテスト grade 2
    if last is not None and (state.cued or not state.group) and _OF_ANOTHER.search(state.text, last.end, grade.start):
        return True
    said = state.qualities and _SAID_OF.fullmatch(state.text, state.qualities[-1][1].end, grade.start)
    return bool(said and _SO_IT_IS.match(state.text, grade.end))  # 開放はわずかで


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


def _of_a_change(state: State, found: list[Token], index: int, grade: Token) -> bool:
    """Whether a grade says how much something has changed: やや増悪."""
    following = found[index + 1] if index + 1 < len(found) else None
    if following is None or state.arrow:
        return False
    grew = (following.kind, following.value) == ("abnormal", "high") and not state.qualities
    grew = grew and not state.text[grade.start].isascii()  # mildly elevated …
    if following.kind != "change" and not grew:
        return False
    words, gap = state.text[grade.start : grade.end], state.text[grade.end : following.start]
    return _NO_GAP.fullmatch(gap) is not None or (gap == "に" and _ADVERB.match(words) is not None)


def _changed_to(state: State, grade: Token) -> Token:
    """Give the earlier grade of 'from mild to moderate' to what stands before it; return the later one."""
    whole = _FROM_TO.match(state.text, max(0, grade.start - 5)) if grade.kind == "severity" else None
    if whole is None or whole.end() != grade.end:
        return grade
    low, high = grade.value
    give_grade(state, grade._replace(value=(low, low)))
    state.arrow = True
    return grade._replace(value=(high, high))


def _of_no_finding(state: State, found: list[Token], index: int, grade: Token) -> bool:
    """Whether a grade is said of a noun that is no concept, of diastolic function, or is no grade where it stands."""
    after = found[max(index, state.done) + 1 :]
    of_finding = _OF_THE_FINDING.search(state.text, max(0, grade.start - _NEAR), grade.start)
    if state.noun and not of_finding and not _attached(state, grade, after):
        return True  # 開放制限軽度
    if grade.kind in ("grade", "bare_grade") and quality.grade_quality(state, diastolic(state, grade), grade):
        return True
    return grade.kind == "bare_grade" and not (state.arrow and state.group) and not _right_behind(state, grade)


def _attached(state: State, grade: Token, after: list[Token]) -> bool:
    """Whether what a grade stands before follows at once: 中等度のMR."""
    return bool(after) and after[0].kind in FORMING and bool(_NO_GAP.fullmatch(state.text, grade.end, after[0].start))


def _right_behind(state: State, grade: Token) -> bool:
    last = state.last_open
    return last is not None and state.text[last.end : grade.start].strip(" :(は") == "" and not state.comma


def _tendency(state: State, grade: Token) -> None:
    """Grade the finding right before 傾向, 気味, and those that share its word: 両心房の拡大傾向."""
    last = state.last_open
    if last is None or state.comma or last.graded or state.text[last.end : grade.start].strip() != "":
        return
    last.end = grade.end
    for mention in reversed(state.group):
        if mention.graded:
            break
        mention.severity, mention.graded = grade.value, True
        if not mention.shared:
            break
