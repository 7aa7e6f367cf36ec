"""Normal words: what they make of the structures and neutral names that wait."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.compose import of_heads, of_topic, topic_valve
from echosearch.report.facts.reader.cues.reach import gone
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.quality import form_all
from echosearch.report.facts.reader.state import VALVES, State
from echosearch.report.facts.text.tokens import Token
from echosearch.report.facts.walls import MOTION

__all__ = ["of_last", "of_waiting"]

_IS = re.compile(r"\s*[:-]\s*| ?(?:walls? |segments? )?(?:contracts?|moves?|contracting|moving) ", re.IGNORECASE)
_LISTED = re.compile("壁運動|wall motion", re.IGNORECASE)
_YET = re.compile("(?:した|している|しており|する|傾向だ|傾向である)?(?:が|ものの)[、は]?(?:なお|まだ|依然)?")
_IN_RANGE = re.compile(r"(?:正常|基準)値?の?(?:範囲|域|下限)内?(?:程度|レベル)?(?!の?[一-龠ァ-ヶA-Za-z])")
_TOGETHER = re.compile("とも|いずれも|共に")
_OF_A_BREATH = re.compile(
    r"(?: (?!with|and|but)\w+){0,2} (?:collaps|respiratory|respirophasic|(?:phasic )?variation)", re.IGNORECASE
)
_STREAM = re.compile("血流|流速|波形|ドプラ|flow")


def of_waiting(state: State, token: Token) -> bool:
    """Make absent findings of what waits for 正常, 良好. False where nothing waits for it."""
    if state.others:
        state.settle()
        return True
    made = len(state.mentions)
    if state.qualities:
        _of_qualities(state, token, made)
        return True
    if state.regions and not state.heads and _is_said(state, token):
        form(state, state.lexicon.findings["rwma"], state.regions[-1].start, token.end)  # 側壁: 正常
        state.settle()
        _mark_normal(state, made)
        return True
    if state.heads and _OF_A_BREATH.match(state.text, token.end):
        state.value_word = token  # IVC with normal inspiratory collapse: of no size
        return True
    if state.heads:
        names = [name for head in state.heads for name in head.value]
        if _STREAM.search(state.text, state.heads[-1].end, token.start):
            state.settle()  # 下行大動脈の血流正常
            return True
        if any(name in VALVES or name == "valves" for name in names):
            of_heads(state, tuple(state.heads), "lesion", token)
            _mark_normal(state, made)
            return True
        sized = token.value == "normal" and (
            re.search("大|サイズ|size", state.text[token.start : token.end])
            or set(names) <= {"la", "ra", "aorta", "ivc"}
            or state.text[state.heads[-1].start : state.heads[-1].end].endswith("腔")  # 内腔は正常
        )
        if sized or "拡大" in state.text:
            of_heads(state, tuple(state.heads), "dilation", token)
            _mark_normal(state, made)
        state.value_word = token if state.text[token.start].isascii() else None
        return True
    if topic_valve(state) and not state.group and state.text[: token.start].strip(" :、はも") == "":
        of_topic(state, token)
        _mark_normal(state, made)
        return True
    state.value_word = token
    return False


def _is_said(state: State, token: Token) -> bool:
    """Whether a wall is said to be normal: behind a mark, or by a space in a list of wall motion."""
    end = state.regions[-1].end
    listed = state.text[end : token.start] == " " and _LISTED.search(state.text, 0, end) is not None
    return listed or _IS.fullmatch(state.text, end, token.start) is not None


def _of_qualities(state: State, token: Token, made: int) -> None:
    """Make absent findings of the neutral names that wait, and of what とも and も join to them."""
    last = state.last_open
    if last is not None and token.value == "normal" and _TOGETHER.search(state.text, last.end, token.start):
        for mention in state.group:  # 弁膜症、心機能とも問題なし
            mention.cues += [] if mention.cues or mention.graded else ["normal"]
    valves = tuple(head for head in state.heads if head.value == ("valves",))
    form_all(state, None, token)
    if valves:
        of_heads(state, valves, "lesion", token)  # EFも弁も正常
        _mark_normal(state, made)


def _mark_normal(state: State, made: int) -> None:
    """Say of the findings made since that they are normal."""
    for mention in state.mentions[made:]:
        if not mention.cues:
            mention.cues.append("normal")
    state.cued = True


def of_last(state: State, token: Token) -> None:
    """Read 正常 with no neutral name before it: it is about the finding that it follows at once."""
    open_ = state.last_open
    better = open_ is not None and open_.cues[-1:] == ["change"] and open_.finding.group in ("motion", "size")
    now = state.now and (open_ is None or open_.finding.group == "motion")
    again = state.text.startswith(("正常化", "正常収縮"), token.start)
    if (better or now) and state.mentions and again:
        gone(state).cues.append("negative")  # 右室拡大があったが、術後は正常化
        state.cued = True
        return
    named = state.last
    if (
        named is not None
        and named.finding.concept == "lvef_low"
        and _YET.fullmatch(state.text, named.end, token.start)
        and _IN_RANGE.match(state.text, token.start)
    ):
        named.dropped = False
        named.cues.append("normal")  # EFは64%から58%に低下したが正常範囲内
        return
    last = state.last_open
    if last is None or state.comma or state.cued or token.value != "normal":
        return
    if last.finding.concept in MOTION[1:]:
        return  # akinesis hypokinesis normal: of three levels
    between = state.text[last.end : token.start].strip(" :は")
    if between == "" and last.severity is None and last.finding.group != "state":
        last.cues.append("negative")
        state.cued = True
        state.value_word = None
