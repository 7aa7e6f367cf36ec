"""Findings and structures where they are named: what an ambiguous abbreviation means here, and what is a heading."""

from __future__ import annotations

import re
from collections.abc import Collection

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader import compose
from echosearch.report.facts.reader.numbers import value
from echosearch.report.facts.reader.numbers.unmeasured import CAUSE
from echosearch.report.facts.reader.state import FORMING, VALVES, State
from echosearch.report.facts.reader.zipped import of_both_sides
from echosearch.report.facts.text.tokens import Token, widened

__all__ = ["finding", "structure"]

_EMBOLISM = re.compile(r"塞栓|DVT|急性PE|深部静脈|血栓溶解|acute PE|embol", re.IGNORECASE)
_OF_AORTA = re.compile("上行|基部|洞")
_UNSEEN = re.compile(r"[はのが]?\s*描出[がは]?(?:やや)?(?:不良|困難|不十分)(?=[)、。\s]|$|で)")
_ASIDE = re.compile(
    r"(?:等|など)?の?(?:所見)?[はをも]?(?:なく|なし(?:で|に)|認め(?:られ)?ず|みられず|見られず|伴わず|\(-\)で?)[、,]?\s*"
    r"(?:概ね|おおむね|全体(?:的)?に|全周性に)?\s*(?:良好|正常|保た|問題)"
)
_REPAIRED = re.compile(
    r"\s*\(?(?:[+＋・、,&/]\s*(?:TAP|MAP)|(?:手?術|後(?!尖|交連|壁)|(?:僧帽弁|弁)?形成|plasty|形成|施行|repair))",
    re.IGNORECASE,
)
_TOLD = re.compile(r"\s*[はが:(]?\s*")
_POST = re.compile(r"(?:s/p|status post|post|history of) (?:surgical |percutaneous )?$", re.IGNORECASE)
_MENDED = re.compile(
    r" (?:device |patch |surgical |percutaneous )?(?:closure|repair|resection|ablation|ligation|excision|removal)",
    re.IGNORECASE,
)
_REPAIRED_SO = re.compile(
    r"\s*\([^()]{1,24}\)\s*(?:手?術)?後|\s*\(?(?:ring|リング|plasty|Physio"
    "|CG Future|Cosgrove|Duran|Memo ?3D|Tailor|Simulus)",
    re.IGNORECASE,
)
_REPAIRED_BEFORE = re.compile(r"(?:TAP|MAP)\s*[+・、&/]\s*$|(?:[Ss]/[Pp]|post) ?$|術後\($")
_OF_A_PROSTHESIS = ("動揺", "弁の動揺", "rocking", "rocking motion")
_OWNED = re.compile(r"[^、,。:()\s]\s?$")
_BARE_IMPLANTS = ("人工弁", "リード", "ペースメーカー", "デバイス")
_SOURCE = re.compile("(?:血流|ジェット|jet)?(?:の?(?:速度|流速|圧較差))?(?:から|より)の?(?:推定|推測|算出|求め|計算)")
_WOULD_BE = re.compile("場合(?:は|に|には)?、?$")
_ON_A_SCALE = re.compile(r"(?:の?(?:程度|重症度|評価))?\s*\([^()]{0,6}段階[^()]{0,6}\)\s*[:\s]")  # 弁逆流の程度(3段階)
_TO_BE_JUDGED = re.compile("の(?:重症度|程度)?の?評価 ?:")
_WORRIED = re.compile(
    "[ご御](?:心配|懸念|質問|照会|依頼|紹介)(?:され|なさっ|いただい|頂い)?(?:て(?:い|おられ)た|ていただいた|の|た)$"
)
_ALL_WELL = re.compile("(?:とも|いずれも|共)に?(?:概ね|特に)?(?:問題|異常|正常)")
_OF_ANY_VALVE = ("弁逆流", "弁狭窄", "弁逆流症", "弁狭窄症")
_NARROW = re.compile("stenosis|狭窄", re.IGNORECASE)
_LEAFLET = re.compile("(?:前|後|両)尖(?:中央|内側|外側)?の?$")
_JOINS = re.compile(r"[\s、,・と/]*|\s*(?:および|及び|ならびに|並びに|や|と|and|or)\s*")


def structure(state: State, found: list[Token], index: int) -> None:
    token = _of_one_valve(state, found, index)
    state.name_structure(token)
    if state.orphan is not None and not state.comma and compose.resolve(state, token):
        return
    if compose.resolve_more(state, token):
        return
    if state.spread is not None and not _own_word(found, index):
        compose.of_heads(state, (token,), state.spread, token)
        return
    if token.value == ("tv",) and _aortic_context(state) and _alone(state, found, index):
        state.form(state.lexicon.findings["tav"], token.start, token.end)
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


def finding(state: State, found: list[Token], index: int) -> None:  # noqa: C901 - rules in order of precedence, each with its example
    token = found[index]
    named, words = token.value, state.text[token.start : token.end]
    findings = state.lexicon.findings
    after = state.text[token.end : token.end + 12]
    concept = named.concept
    if named.rule == "pericardial_effusion.pe":
        around = state.text[max(0, token.start - 30) : token.start] + "|" + state.text[token.end : token.end + 30]
        if (
            state.context.clot
            or _EMBOLISM.search(around)
            or state.text[max(0, token.start - 2) : token.start] == "急性"
        ):
            named = findings["pulm_embolism"]
    elif concept == "mvp" and words.lower() == "mvp":
        if (
            _REPAIRED.match(after)
            or _REPAIRED_SO.match(state.text, token.end)
            or _REPAIRED_BEFORE.search(state.text[max(0, token.start - 8) : token.start])
        ):
            named = findings["repair_clip"]
    elif concept in ("hypokinesis", "akinesis", "dyskinesis") and state.in_rv and not state.heads:
        named = findings["rv_function"]  # 右室: 心尖部は低収縮
    elif concept == "hypokinesis":
        if state.heads and state.heads[-1].value == ("rv",):
            named = findings["rv_function"]
        elif state.diffuse is not None:
            named = findings["diffuse_hypo"]
    elif concept == "dyskinesis" and not state.regions and state.heads and state.heads[-1].value == ("septum",):
        named = findings["septal_motion"]
    elif concept == "valve_disease" and words in _OF_ANY_VALVE:
        names = [head for h in state.heads for head in h.value] or list(state.topic)
        valves = [name for name in names if name in VALVES]
        if valves:
            named = findings[VALVES[valves[-1]]["狭窄" in words]]
        elif state.prosthesis and "逆流" in words:
            named = findings["prosthetic_leak"]  # MVR(生体弁)後。弁逆流軽度
    if (
        words in _OF_A_PROSTHESIS
        and not state.prosthesis
        and _OWNED.search(state.text, max(0, token.start - 2), token.start)
    ):
        return  # 心房中隔の動揺, apical rocking
    if named.implant and not state.query and _WOULD_BE.search(state.text, max(0, token.start - 4), token.start):
        return  # 手術の場合はTAVI
    if _SOURCE.match(after):
        state.place(named, token.start, token.end)  # TRから推定される圧較差
    if _SOURCE.match(after) or (named.group == "valve" and after.startswith("波形")):
        return  # 三尖弁逆流から推定される右室収縮期圧
    part = "stenosis" if _NARROW.search(words) else "regurgitation"
    if concept == "valve_disease" and words in _OF_ANY_VALVE and compose.spreads(state, found, index, part):
        return  # 弁逆流: A弁 trivial、M弁 mild
    if concept == "valve_disease" and re.match("に関して|について|としては", after):
        state.topic, state.firm = ("valves",), False
        return
    if after.startswith(("ですが", "でしたが", "の件")) and _WORRIED.search(
        state.text, max(0, token.start - 16), token.start
    ):
        return  # ご心配されていた大動脈瘤ですが、…
    if _TO_BE_JUDGED.match(after):
        state.topic = (named.head,) if named.head else state.topic
        return  # MRの重症度評価: …
    heads = re.match("[ :はもの評]", after) is not None and _heads_a_list(state, found, index)
    if concept == "valve_disease":
        following = next((t.value.group for t in found[index + 1 :] if t.kind == "finding"), None)
        heads = heads and following in ("valve", None, "leaflet")
    if concept == "valve_disease" and (
        (heads and re.match("[はも]|の?評価 ?[:は]|" + " " * (words == "弁膜症"), after)) or _ON_A_SCALE.match(after)
    ):
        return  # 弁膜症は軽度のTRのみ
    heading = after.lstrip(" ").startswith(":") and not (named.implant and words not in _BARE_IMPLANTS)
    again = heading and any(t.kind == "finding" and t.value.concept == named.concept for t in found[index + 1 :])
    heading = heading and not (again and concept == "tumor")  # 腫瘤: 粘液腫疑い
    if heading and (heads or again) and not _measured(state, named, found, index):
        state.topic = (named.head,) if named.head else state.topic
        state.place(named, token.start, token.end)
        return
    if state.orphan is not None and not state.comma and concept in ("tav", "bav"):
        lesion = state.lexicon.compounds.get(("av", state.orphan[0].value))
        state.orphan[1].finding = lesion or state.orphan[1].finding  # calcified trileaflet aortic valve
    if state.orphan is not None and state.orphan[0].value == "prolapse" and named.concept == "mr":
        state.orphan[1].finding = findings["mvp"]  # 前尖逸脱によるMR
        if leaflet := _LEAFLET.search(state.text, 0, state.orphan[1].start):
            state.orphan[1].start = leaflet.start()
    if concept == "mr" and state.topic in ((), ("mv",)):
        for one in state.mentions:
            leaflet = None if one.finding.concept else _LEAFLET.search(state.text, 0, one.start)
            if leaflet and state.text.startswith(("逸脱", "prolapse"), one.start):
                one.finding, one.start = findings["mvp"], leaflet.start()  # 後尖中央の逸脱により、重度のMR
    if named.head and re.search(r"は|:", words):
        state.topic = (named.head,)
    if state.graded_heads and named.group == "valve":
        compose.with_grades(state, part)
    shares = named.group == "valve" and _shares(state, token)
    if shares:
        compose.of_heads(state, tuple(state.heads), part, state.heads[-1])  # 僧帽弁・三尖弁逆流
    made = state.form(named, token.start, token.end, shared=shares)
    if state.query and made.graded and made.severity is not None:
        made.severity, made.end = widened(made.severity, state.text, token.end)  # 軽度AR以上, moderate TR or worse
        state.done = max((place for place, one in enumerate(found) if one.start < made.end), default=index)
    if named.concept in ("hypokinesis", "akinesis", "dyskinesis", "rwma", "diffuse_hypo") and state.regions:
        made.start = min(made.start, state.regions[0].start)
    if named.concept == "diffuse_hypo" and state.diffuse is not None:
        made.start = min(made.start, state.diffuse.start)
    if named.concept == "rv_function" and state.heads:
        made.start = min(made.start, state.heads[-1].start)
    if not named.implant and _MENDED.match(state.text, token.end) and _POST.search(state.text, 0, token.start):
        made.cues.append("history")  # s/p ASD closure
        state.cued = True
    if _UNSEEN.match(state.text, token.end):
        made.cues.append("unassessed")  # TR描出不良
        state.cued = True
    if words.endswith("所見") and after.startswith(("に乏し", "は乏し")):
        made.cues.append("negative")  # 右心負荷所見に乏しい
        state.cued = True
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


def _shares(state: State, token: Token) -> bool:
    """Whether valves that wait share the lesion of the one named whole behind them."""
    if not state.heads or not all(name in VALVES for head in state.heads for name in head.value):
        return False
    gap = state.text[state.heads[-1].end : token.start]
    return gap.strip() != "" and _JOINS.fullmatch(gap) is not None


def _measured(state: State, named: Finding, found: list[Token], index: int) -> bool:
    """Whether a lesion before a colon is stated by its measurements: AS: Vmax 4.5m/s."""
    if named.group not in ("valve", "state") or named.concept == "valve_disease":
        return False
    following = found[index + 1]
    return following.kind == "measure" and state.text[found[index].end : following.start].strip(" :") == ""


def _heads_a_list(state: State, found: list[Token], index: int) -> bool:
    """Whether a finding before a colon is a heading: another finding follows before any word about it."""
    for token in found[index + 1 :]:
        if token.kind in ("finding", "measure", "quality"):
            gap = state.text[found[index].end : token.start]
            apart = "、" in gap and found[index].value.group == "shunt"  # VSD: 傍膜様部型、短絡血流
            return gap.strip(" :") == "" or (token.kind == "finding" and not apart)
        if token.kind not in ("structure", "region", "diffuse", "significant", "clear", "and"):
            return token.kind in ("severity",) and _forms_next(state, found, index, token)
    return False


def _forms_next(state: State, found: list[Token], index: int, grade: Token) -> bool:
    place = found.index(grade)
    after = found[place + 1] if place + 1 < len(found) else None
    return (
        after is not None
        and after.kind == "finding"
        and (state.text[grade.end : after.start] in ("", "の") or found[index].value.concept == "valve_disease")
    )
