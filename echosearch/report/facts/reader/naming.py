"""Findings and structures where they are named: what an ambiguous abbreviation means here, and what is a heading."""

from __future__ import annotations

import re
from collections.abc import Collection

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader import compose
from echosearch.report.facts.reader.ahead_of_structure import resolve, resolve_more
from echosearch.report.facts.reader.finding_meaning import finding_meaning, lesion
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.numbers import value
from echosearch.report.facts.reader.numbers.unmeasured import CAUSE
from echosearch.report.facts.reader.state import FORMING, VALVES, State
from echosearch.report.facts.reader.zipped import of_both_sides
from echosearch.report.facts.text.tokens import Token, widened

__all__ = ["finding", "structure"]

_OF_AORTA = re.compile("上行|基部|洞")
_UNSEEN = re.compile(r"[はのが]?\s*描出[がは]?(?:やや)?(?:不良|困難|不十分)(?=[)、。\s]|$|で)")
_ASIDE = re.compile(
    r"(?:等|など)?の?(?:所見)?[はをも]?(?:なく|なし(?:で|に)|認め(?:られ)?ず|みられず|見られず|伴わず|\(-\)で?)[、,]?\s*"
    r"(?:概ね|おおむね|全体(?:的)?に|全周性に)?\s*(?:良好|正常|保た|問題)"
)
_TOLD = re.compile(r"\s*[はが:(]?\s*")
_POST = re.compile(r"(?:s/p|status post|post|history of) (?:surgical |percutaneous )?$", re.IGNORECASE)
# no other valve disease, 左心系弁膜症: of some valves only
_OF_SOME_VALVES = re.compile(
    r"(?:\b(?:left|right)[- ]sided|\bother)(?: significant)? \Z|[左右](?:心系|心|側)の?\Z", re.IGNORECASE
)
_MENDED = re.compile(
    r" (?:device |patch |surgical |percutaneous )?(?:closure|repair|resection|ablation|ligation|excision|removal)",
    re.IGNORECASE,
)
_ALL_WELL = re.compile("(?:とも|いずれも|共)に?(?:概ね|特に)?(?:問題|異常|正常)")
_LEAFLET = re.compile("(?:前|後|両)尖(?:中央|内側|外側)?の?$")
_JOINS = re.compile(r"[\s、,・と/]*|\s*(?:および|及び|ならびに|並びに|や|と|and|or)\s*")


def structure(state: State, found: list[Token], index: int) -> None:
    token = _of_one_valve(state, found, index)
    state.name_structure(token)
    if state.orphan is not None and not state.comma and resolve(state, token):
        return
    if resolve_more(state, token):
        return
    if state.spread is not None and not _own_word(found, index):
        compose.of_heads(state, (token,), state.spread, token)
        return
    if token.value == ("tv",) and _aortic_context(state) and _alone(state, found, index):
        form(state, state.lexicon.findings["tav"], token.start, token.end)
        state.settle()
        return
    if state.heads and set(token.value) < set(state.heads[-1].value):
        state.heads = []  # 右心系 RA拡大(±): a heading and its part
    listed = state.comma or state.text[token.start - 1] == "・"
    if state.heads and state.front is not None and listed and _graded_apart(state, token):
        state.graded_heads.append((tuple(state.heads), state.front))  # 左房は軽度、右房は中等度に拡大
        state.heads, state.front = [], None
    if state.heads:
        between = state.text[state.heads[-1].end : token.start]
        if not _JOINS.fullmatch(between):
            state.heads = []
    state.heads.append(token)


def _of_one_valve(state: State, found: list[Token], index: int) -> Token:
    """Return a structure; 弁 alone is the valve named last: 大動脈弁三尖弁、弁硬化は軽度."""
    token = found[index]
    if token.value != ("valves",) or state.text[token.start : token.end] != "弁":
        return token
    names = state.last_heads if len(state.last_heads) == 1 and not state.heads else state.topic
    own = len(names) == 1 and names[0] in VALVES and not _own_word(found, index, ("quality",))
    return token._replace(value=names) if own else token


def _graded_apart(state: State, token: Token) -> bool:
    """Whether a grade stands between the structures that wait and the next one."""
    grade = state.front
    return (
        grade is not None
        and state.heads[-1].end <= grade.start
        and _TOLD.fullmatch(state.text, state.heads[-1].end, grade.start) is not None
        and state.text[grade.end : token.start].strip() in ("、", ",", "に、", ")、", "),", ")・")
    )


def _own_word(found: list[Token], index: int, kinds: Collection[str] = FORMING) -> bool:
    """Whether a structure goes on into a word of its own: 左房径, 僧帽弁逸脱."""
    following = found[index + 1] if index + 1 < len(found) else None
    return following is not None and following.start == found[index].end and following.kind in kinds


def _aortic_context(state: State) -> bool:
    return state.topic == ("av",) or (bool(state.heads) and state.heads[-1].value == ("av",))


def _alone(state: State, found: list[Token], index: int) -> bool:
    """Whether no attribute follows: 大動脈弁: 三尖弁、… speaks of three cusps."""
    token = found[index]
    following = found[index + 1] if index + 1 < len(found) else None
    after = state.text[token.end : following.start if following else token.end + 1]
    return (
        following is None
        or following.kind in ("positive", "normal", "suspected")
        or (after[:1] in "、,)" and after != "")
    )


def finding(state: State, found: list[Token], index: int) -> None:
    """Name a finding: join it to what waits, and read what stands right behind it."""
    token = found[index]
    named = finding_meaning(state, found, index)
    if named is None:
        return
    words, after = state.text[token.start : token.end], state.text[token.end : token.end + 12]
    part = lesion(words)
    _name_waiting(state, token, named)
    if named.head and re.search(r"は|:", words):
        state.topic = (named.head,)
    if state.graded_heads and named.group == "valve":
        compose.with_grades(state, part)
    shares = named.group == "valve" and _shares(state, token)
    if shares:
        compose.of_heads(state, tuple(state.heads), part, state.heads[-1])  # 僧帽弁・三尖弁逆流
    made = form(state, named, token.start, token.end, shared=shares)
    if state.query and made.graded and made.severity is not None:
        made.severity, made.end = widened(made.severity, state.text, token.end)  # 軽度AR以上, moderate TR or worse
        state.done = max((place for place, one in enumerate(found) if one.start < made.end), default=index)
    _begin_with_region(state, named, made)
    _say_beside(state, token, named, made)
    if named.concept == "pleural_effusion":
        of_both_sides(state, found, index, made)
    if named.concept == "pericardial_effusion":
        value.measured_finding(state, token, "effusion_depth")
    elif named.concept == "la_dilation":
        value.measured_finding(state, token, "lad")  # 巨大左房(72mm)
    elif named.concept == "aorta_dilation" and (place := _OF_AORTA.search(words)):
        value.measured_finding(state, token, "asc_ao" if place[0] == "上行" else "aod")
    # 拡張能はAFのため評価困難, 壁運動はasynergyなく良好
    aside = CAUSE.match(after) or _ASIDE.match(state.text, token.end) or _ALL_WELL.match(after)
    waiting = state.qualities if aside else []  # 心機能、弁膜症とも問題なし
    state.settle()
    state.qualities = waiting
    state.orphan = None


def _name_waiting(state: State, token: Token, named: Finding) -> None:
    """Name what was told before its valve: calcified trileaflet aortic valve, 前尖逸脱によるMR."""
    if state.orphan is not None and not state.comma and token.value.concept in ("tav", "bav"):
        lesion = state.lexicon.compounds.get(("av", state.orphan[0].value))
        state.orphan[1].finding = lesion or state.orphan[1].finding  # calcified trileaflet aortic valve
    if state.orphan is not None and state.orphan[0].value == "prolapse" and named.concept == "mr":
        state.orphan[1].finding = state.lexicon.findings["mvp"]  # 前尖逸脱によるMR
        if leaflet := _LEAFLET.search(state.text, 0, state.orphan[1].start):
            state.orphan[1].start = leaflet.start()
    if token.value.concept == "mr" and state.topic in ((), ("mv",)):
        for one in state.mentions:
            leaflet = None if one.finding.concept else _LEAFLET.search(state.text, 0, one.start)
            if leaflet and state.text.startswith(("逸脱", "prolapse"), one.start):
                one.finding = state.lexicon.findings["mvp"]  # 後尖中央の逸脱により、重度のMR
                one.start = leaflet.start()


def _begin_with_region(state: State, named: Finding, made: Mention) -> None:
    """Let a finding begin where its region, its extent or its structure was named."""
    if named.concept in ("hypokinesis", "akinesis", "dyskinesis", "rwma", "diffuse_hypo") and state.regions:
        made.start = min(made.start, state.regions[0].start)
    if named.concept == "diffuse_hypo" and state.diffuse is not None:
        made.start = min(made.start, state.diffuse.start)
    if named.concept == "rv_function" and state.heads:
        made.start = min(made.start, state.heads[-1].start)


def _say_beside(state: State, token: Token, named: Finding, made: Mention) -> None:
    """Note what the words right beside a finding say of it."""
    words, after = state.text[token.start : token.end], state.text[token.end : token.end + 12]
    if named.concept == "valve_disease" and _OF_SOME_VALVES.search(state.text, max(0, token.start - 24), token.start):
        made.dropped = True
    if not named.implant and _MENDED.match(state.text, token.end) and _POST.search(state.text, 0, token.start):
        made.cues.append("history")  # s/p ASD closure
        state.cued = True
    if _UNSEEN.match(state.text, token.end):
        made.cues.append("unassessed")  # TR描出不良
        state.cued = True
    if words.endswith("所見") and after.startswith(("に乏し", "は乏し")):
        made.cues.append("negative")  # 右心負荷所見に乏しい
        state.cued = True


def _shares(state: State, token: Token) -> bool:
    """Whether valves that wait share the lesion of the one named whole behind them."""
    if not state.heads or not all(name in VALVES for head in state.heads for name in head.value):
        return False
    gap = state.text[state.heads[-1].end : token.start]
    return gap.strip() != "" and _JOINS.fullmatch(gap) is not None
