"""What the words of a finding mean where they stand: which finding an abbreviation is, a heading, or no finding."""

from __future__ import annotations

import re

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader import compose
from echosearch.report.facts.reader.state import VALVES, State
from echosearch.report.facts.text.tokens import Token

__all__ = ["finding_meaning", "lesion"]

_EMBOLISM = re.compile(r"塞栓|DVT|急性PE|深部静脈|血栓溶解|acute PE|embol", re.IGNORECASE)
_REPAIRED = re.compile(
    r"\s*\(?(?:[+＋・、,&/]\s*(?:TAP|MAP)|(?:手?術|後(?!尖|交連|壁)|(?:僧帽弁|弁)?形成|plasty|形成|施行|repair))",
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
_OF_ANY_VALVE = ("弁逆流", "弁狭窄", "弁逆流症", "弁狭窄症")
_NARROW = re.compile("stenosis|狭窄", re.IGNORECASE)


def finding_meaning(state: State, found: list[Token], index: int) -> Finding | None:
    """Return the finding that is named; None where its words name none: a heading, a source, a supposition."""
    named = _abbreviated(state, found[index])
    if _names_none(state, found, index, named) or _is_heading(state, found, index, named):
        return None
    return named


def lesion(words: str) -> str:
    """Return which lesion of a valve words name."""
    return "stenosis" if _NARROW.search(words) else "regurgitation"


def _abbreviated(state: State, token: Token) -> Finding:
    """Return the finding that ambiguous words mean here."""
    named: Finding = token.value
    words = state.text[token.start : token.end]
    meant: str | None = None
    if named.rule == "pericardial_effusion.pe":
        meant = _of_pe(state, token)
    elif named.concept == "mvp" and words.lower() == "mvp":
        meant = _of_mvp(state, token)
    elif named.concept in ("hypokinesis", "akinesis", "dyskinesis"):
        meant = _of_motion(state, named.concept)
    elif named.concept == "valve_disease" and words in _OF_ANY_VALVE:
        meant = _of_the_valve(state, words)
    return named if meant is None else state.lexicon.findings[meant]


def _of_pe(state: State, token: Token) -> str | None:
    """Return what PE is beside a clot: an embolism, and no pericardial effusion."""
    before, after = state.text[max(0, token.start - 30) : token.start], state.text[token.end : token.end + 30]
    clot = state.context.clot or before.endswith("急性") or _EMBOLISM.search(before + "|" + after)
    return "pulm_embolism" if clot else None


def _of_mvp(state: State, token: Token) -> str | None:
    """Return what MVP is beside words of an operation: a repair, and no prolapse."""
    repaired = (
        _REPAIRED.match(state.text[token.end : token.end + 12])
        or _REPAIRED_SO.match(state.text, token.end)
        or _REPAIRED_BEFORE.search(state.text[max(0, token.start - 8) : token.start])
    )
    return "repair_clip" if repaired else None


def _of_motion(state: State, concept: str) -> str | None:
    """Return what motion is abnormal where it is not that of the left ventricle's walls alone."""
    head = state.heads[-1].value if state.heads else None
    if state.in_rv and head is None:
        return "rv_function"  # 右室: 心尖部は低収縮
    if concept == "hypokinesis" and head == ("rv",):
        return "rv_function"
    if concept == "hypokinesis" and state.diffuse is not None:
        return "diffuse_hypo"
    if concept == "dyskinesis" and not state.regions and head == ("septum",):
        return "septal_motion"
    return None


def _of_the_valve(state: State, words: str) -> str | None:
    """Return the lesion of the valve that is spoken of: 弁逆流 behind 僧帽弁."""
    names = [head for h in state.heads for head in h.value] or state.topic
    valves = [name for name in names if name in VALVES]
    if valves:
        return VALVES[valves[-1]]["狭窄" in words]
    return "prosthetic_leak" if state.prosthesis and "逆流" in words else None  # MVR(生体弁)後。弁逆流軽度


def _names_none(state: State, found: list[Token], index: int, named: Finding) -> bool:
    """Return whether words name no finding of today: what something is read from, supposed, asked about."""
    token = found[index]
    concept, words = token.value.concept, state.text[token.start : token.end]
    after = state.text[token.end : token.end + 12]
    if (
        words in _OF_A_PROSTHESIS
        and not state.prosthesis
        and _OWNED.search(state.text, max(0, token.start - 2), token.start)
    ):
        return True  # 心房中隔の動揺, apical rocking
    if named.implant and not state.query and _WOULD_BE.search(state.text, max(0, token.start - 4), token.start):
        return True  # 手術の場合はTAVI
    if _SOURCE.match(after):
        state.place(named, token.start, token.end)  # TRから推定される圧較差
    if _SOURCE.match(after) or (named.group == "valve" and after.startswith("波形")):
        return True  # 三尖弁逆流から推定される右室収縮期圧
    if concept == "valve_disease" and words in _OF_ANY_VALVE and compose.spreads(state, found, index, lesion(words)):
        return True  # 弁逆流: A弁 trivial、M弁 mild
    if concept == "valve_disease" and re.match("に関して|について|としては", after):
        state.topic, state.firm = ("valves",), False
        return True
    if after.startswith(("ですが", "でしたが", "の件")) and _WORRIED.search(
        state.text, max(0, token.start - 16), token.start
    ):
        return True  # ご心配されていた大動脈瘤ですが、…
    if _TO_BE_JUDGED.match(after):
        state.topic = (named.head,) if named.head else state.topic
        return True  # MRの重症度評価: …
    return False


def _is_heading(state: State, found: list[Token], index: int, named: Finding) -> bool:
    """Return whether words head what follows, and note what they are the heading of."""
    token = found[index]
    concept, words = token.value.concept, state.text[token.start : token.end]
    after = state.text[token.end : token.end + 12]
    heads = re.match("[ :はもの評]", after) is not None and _heads_a_list(state, found, index)
    if concept == "valve_disease":
        following = next((t.value.group for t in found[index + 1 :] if t.kind == "finding"), None)
        heads = heads and following in ("valve", None, "leaflet")
    if concept == "valve_disease" and (
        (heads and re.match("[はも]|の?評価 ?[:は]|" + " " * (words == "弁膜症"), after)) or _ON_A_SCALE.match(after)
    ):
        return True  # 弁膜症は軽度のTRのみ
    heading = after.lstrip(" ").startswith(":") and not (named.implant and words not in _BARE_IMPLANTS)
    again = heading and any(t.kind == "finding" and t.value.concept == named.concept for t in found[index + 1 :])
    heading = heading and not (again and concept == "tumor")  # 腫瘤: 粘液腫疑い
    if heading and (heads or again) and not _measured(state, named, found, index):
        state.topic = (named.head,) if named.head else state.topic
        state.place(named, token.start, token.end)
        return True
    return False


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
