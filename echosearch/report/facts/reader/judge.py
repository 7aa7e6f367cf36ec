"""Where a wall's motion is told, and what 低下, 異常 and 上昇 make of the names that wait."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.compared import is_change
from echosearch.report.facts.reader.compose import of_heads, of_topic, topic_valve
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.quality import awaited, form_all
from echosearch.report.facts.reader.state import VALVES, State
from echosearch.report.facts.text.tokens import Token
from echosearch.report.facts.walls import MOTION

__all__ = ["is_other_motion", "judge", "localise"]

_WHERE = re.compile(
    r"\s*(?:の(?:範囲|部位|領域))?:?\s*(?:あり|有り?|\(\+\))?\s*[はがを:( ]\s*"
    r"(?:前回と?(?:同様|同じく)に?[、,]?\s*)?(?:部位\s*:\s*)?"
)
_AT_IT = re.compile(r"(?:[^、,。()]{0,10}\))?に")  # 人工弁(Magna 23mm)に


def localise(state: State, found: list[Token], index: int) -> None:
    """Note the region behind 壁運動異常: where it is, or, behind a colon, where its kind is told next."""
    last, token = state.last, found[index]
    low = last is not None and re.search("低下|低収縮|hypo", state.text[last.start : last.end])
    if last is None or last.finding.concept != "lv_wall_motion" or last.cues not in ([], ["positive"]) or last.graded:
        return
    between = state.text[last.end : token.start]
    if between.strip() == ":" and any(t.kind in ("finding", "abnormal", "severity") for t in found[index + 1 :]):
        last.dropped = True
    elif _WHERE.fullmatch(between):
        concept = "rwma" if not low else "diffuse_hypo" if token.kind == "diffuse" else "hypokinesis"
        if low or token.kind == "region":
            last.finding = state.lexicon.findings[concept]  # 壁運動低下(びまん性)


def is_other_motion(earlier: Mention, token: Token) -> bool:
    """Return whether 低下 tells how a wall moves today that moved otherwise: 前回無収縮、今回は軽度低下."""
    return earlier.historical and earlier.finding.concept in MOTION and (token.kind, token.value) == ("abnormal", "low")


def judge(state: State, token: Token) -> bool:
    """Make findings of the neutral names before 低下, 異常, 上昇. False where nothing waits for it."""
    if state.others and not state.regions:
        return False
    if awaited(state, token):
        form_all(state, token)
        return True
    if state.strong and state.text.startswith("dysfunction", token.start) and state.last_heads in (("rv",), ("lv",)):
        form(state, state.lexicon.compounds[state.last_heads[0], "systolic"], token.start, token.end).severity = None
        return True  # RV dilatation and dysfunction
    last = state.last
    valve = last is not None and last.finding.concept == "prosthetic_valve" and _AT_IT.match(state.text, last.end)
    if valve and token.value == "abnormal" and not state.heads and not state.comma:
        state.close()  # 人工弁に異常なし
        form(state, state.lexicon.findings["prosthetic_dysfunction"], token.start, token.end)
        return True
    if token.value == "low" and not state.qualities and _moves_badly(state, token):
        return True
    if (
        token.value == "abnormal"
        and state.heads
        and any(name in VALVES or name == "valves" for name in state.heads[-1].value)
    ):
        of_heads(state, tuple(state.heads), "lesion", token)
        return True
    if token.value == "abnormal" and not state.heads and not state.group and topic_valve(state):
        of_topic(state, token)
        return True
    if state.heads and state.heads[-1].value == ("septum",) and token.value == "low":
        form(state, state.lexicon.findings["hypokinesis"], state.heads[-1].start, token.end)
        state.settle()
        return True
    state.value_word = token
    return False


def _moves_badly(state: State, token: Token) -> bool:
    """Read a motion that is low where a wall, or the whole ventricle, was named for it."""
    if state.regions:
        concept = "rv_function" if state.in_rv else "diffuse_hypo" if state.diffuse else "hypokinesis"
        made = form(state, state.lexicon.findings[concept], state.regions[0].start, token.end)
        made.dropped = made.dropped or is_change(state, made.start, state.regions[-1].end, token)
    elif state.heads:
        return False
    elif state.now and state.last is not None and is_other_motion(state.last, token):
        begin = state.front.start if state.front is not None else token.start
        state.close()
        state.earlier = state.earlier_after = False
        form(state, state.lexicon.findings["hypokinesis"], begin, token.end)
    elif state.diffuse:
        form(state, state.lexicon.findings["diffuse_hypo"], state.diffuse.start, token.end)  # びまん性に中等度低下
    else:
        return False
    state.settle()
    return True
