"""Neutral names, and what makes findings of them: 壁運動 + 低下, 収縮能 + 良好, 左室径 + 正常."""

from __future__ import annotations

import re
from collections.abc import Iterable

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader.compared import is_change
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.state import VALVES, State
from echosearch.report.facts.text.number import Number
from echosearch.report.facts.text.tokens import Token

__all__ = ["awaited", "form_all", "grade_quality", "of_collapse", "quality"]

_ACCEPTS = {
    "motion": ("low", "abnormal", "paradoxical"),
    "regional": ("low", "abnormal"),
    "systolic": ("low", "abnormal"),
    "diastolic": ("low", "abnormal"),
    "inflow": ("abnormal",),
    "size": ("high",),
    "thickness": ("high",),
    "collapse": ("low",),
    "filling": ("high",),
    "papressure": ("high",),
    "prosthesis": ("low", "abnormal"),
}
_NEEDS_HEAD = {"size", "thickness"}
_GENERIC = {"機能", "function", "収縮", "径"}
_OF_EITHER = {"収縮能", "収縮機能", "収縮", "収縮性", "機能", "systolic function"}
_OF_A_WALL = {"収縮", "収縮性", "contraction"}
_SHARES = _GENERIC | _OF_EITHER | {"大きさ", "サイズ", "size", "容積", "動き", "厚さ", "厚み", "壁運動"}
_JOINS = re.compile(r"\s*(?:[・/と]|や|および|及び|and)\s*")
_OF_IVC = {"collapse": ("ivc",)}
_HEADED = re.compile(r"[\s・*-]*(?:左室)?(?:拡張(?:機)?能|diastolic function)(?:評価)?\s*[:は]", re.IGNORECASE)
_SAME_PLACE = re.compile("同部位?の$")
_OF_A_DISC = re.compile("(?:ディスク|弁葉|弁|leaflet|disc|disk)の?$", re.IGNORECASE)
_OF_A_LEAFLET = re.compile("(?:弁|弁葉|尖|leaflet|cusp)の?$", re.IGNORECASE)
_OF_IT = re.compile("の?| with (?:normal|good|preserved) ")
_IS_SO = re.compile(r"\s*[がはもの:]?\s*(?:やや|かなり|著しく|全体に|全周性に|びまん性に)?")
_APART = re.compile("[:、,]")
_HALF = 50  # % of its width that a vein loses with a breath
_DENIED = re.compile(r"(?:\bno|without)\s(?:significant |visible |clear )?$", re.IGNORECASE)
_WAVE = re.compile("(?:波|血流|流速|速度|血圧|心拍)の?$")
_GRADE = re.compile(r"(?:grade|グレード|→)\s*[IVX1-4]+(?:度|型)?$", re.IGNORECASE)
_NAMED_AGAIN = re.compile(r"\s*の?\s*(?:(?:左室)?拡張(?:障害|不全)|diastolic)", re.IGNORECASE)


def awaited(state: State, word: Token) -> bool:
    """Return whether a neutral name waits for this word."""
    if state.text[word.start] in "悪弱" and not (
        state.qualities and _IS_SO.fullmatch(state.text, state.qualities[-1][1].end, word.start)
    ):
        return False  # 壁運動の評価は画像が悪く困難
    return any(word.value in _ACCEPTS.get(quality.value, ()) for _, quality in state.qualities)


def quality(state: State, token: Token) -> None:  # noqa: C901 - rules in order of precedence
    """Keep 壁運動, 収縮能 … neutral until a word such as 低下 or 正常 comes, or came before it."""
    if state.numbered:
        state.qualities, state.numbered = [], False
    part, _, own = token.value.partition("@")
    if _elsewhere(state, part, token):
        return
    if part == "valveopening" and state.prosthesis:
        form(state, state.lexicon.findings["prosthetic_dysfunction"], token.start, token.end)  # 弁の開放制限
        state.settle()
        return
    last = state.last
    if (
        last is not None
        and last.finding.concept == "prosthetic_valve"
        and _OF_IT.fullmatch(state.text, last.end, token.start)
    ):
        part = "prosthesis" if part in ("systolic", "motion") else part  # TAVI弁の機能
        token = token._replace(value=part + ("@" + own if own else ""))
    elif part == "motion" and state.prosthesis and _OF_A_DISC.search(state.text, 0, token.start):
        part = "prosthesis"  # ディスクの動き
        token = token._replace(value=part + ("@" + own if own else ""))
    elif (
        part == "motion"
        and not any(name in ("lv", "rv", "septum") for head in state.heads for name in head.value)
        and _OF_A_LEAFLET.search(state.text, max(0, token.start - 12), token.start)
    ):
        state.heads = []
        return  # 僧帽弁後尖の動き
    heads = tuple(state.heads)
    if heads and heads[-1].value == ("none",) and _APART.search(state.text, heads[-1].end, token.start):
        heads = ()  # 肺静脈血流: S<D、左房圧上昇
    if own:  # a name that holds its structure: 左房径
        token = token._replace(value=part)
        beside = bool(heads) and part == "size" and _JOINS.fullmatch(state.text, heads[-1].end, token.start) is not None
        heads = (*(heads if beside else ()), token._replace(kind="structure", value=(own,)))  # 左室内腔・左房径
    elif not heads and state.strong and state.text[token.start : token.end].lower() in _GENERIC:
        heads = (token._replace(kind="structure", value=state.last_heads),) if state.last_heads else ()
    elif not heads and state.qualities and state.text[token.start : token.end].lower() in _SHARES:
        if _JOINS.fullmatch(state.text, state.qualities[-1][1].end, token.start):
            heads = state.qualities[-1][0]  # 左心室の動き・大きさ
    elif not heads and state.strong and part == "motion" and state.last_heads == ("rv",) and not state.regions:
        heads = (token._replace(kind="structure", value=("rv",)),)  # 右室の拡大および壁運動低下
    state.qualities.append((heads, token))
    if any(name in VALVES for head in heads for name in head.value):
        state.last_heads = tuple(name for head in heads for name in head.value)  # 大動脈弁の開放は良好で狭窄なし
    state.heads = []
    if state.unclear and token.measure is None:
        made = len(state.mentions)
        form_all(state, None)
        for mention in state.mentions[made:]:
            mention.cues[:] = ["unassessed"]  # unable to assess diastolic function
        return
    share = state.waiting
    if part == "collapse" and share is not None and share.value.unit == "%" and share.end >= token.start - 1:
        state.waiting = None
        least = share.value.low >= _HALF and share.value.op not in ("<", "<=")
        form_all(state, None if least else Token("abnormal", "low", token.start, token.end, token.rule))
        return  # >50% respiratory collapse
    if part == "collapse" and state.denied and _DENIED.search(state.text, max(0, token.start - 24), token.start):
        state.denied = False
        form_all(state, Token("abnormal", "low", token.start, token.end, token.rule))  # no collapse
        return
    word = state.value_word
    if word is not None:
        made = len(state.mentions)
        if word.kind == "normal":
            form_all(state, None)
        elif word.value in _ACCEPTS.get(token.value, ()):
            form_all(state, word)
        for mention in state.mentions[made : made + 1]:
            if not state.text[word.end : mention.start].strip():
                mention.start = min(mention.start, word.start)


def _elsewhere(state: State, part: str, token: Token) -> bool:
    """Whether a neutral name is said of what is no concept."""
    if part == "thickness":
        return _SAME_PLACE.search(state.text, 0, token.start) is not None  # 同部位の壁厚は保たれ: it is not thinned
    if part != "collapse":
        return False
    if state.text[token.start : token.end] == "変動" and "ivc" not in (state.measure, *state.topic):
        return True
    return _WAVE.search(state.text, 0, token.start) is not None  # E波の呼吸性変動


def grade_quality(state: State, severity: tuple[int, int], token: Token) -> bool:
    """Read a grade instead of a word: 拡張能: グレードII. False where no diastolic function waits."""
    waiting = next((q.start for _, q in state.qualities if q.value == "diastolic"), None)
    if waiting is None and _HEADED.match(state.text) and not state.group and _GRADE.search(state.text, 0, token.end):
        waiting = token.start  # 拡張能: E/A 1.4、E/e' 16 → grade II相当
    if waiting is None or _NAMED_AGAIN.match(state.text, token.end):
        return False
    made = form(state, state.lexicon.findings["lv_diastolic"], waiting, token.end)
    made.severity, made.graded = severity, True
    state.settle()
    return True


def form_all(state: State, word: Token | None, seen: Token | None = None) -> None:
    """Make a finding of every neutral name that waits; with no abnormal word they are normal."""
    waiting, shared = state.qualities, False
    changes = word is not None and any(is_change(state, *_place(one), word) for one in waiting)
    before = len(state.mentions)
    front = state.front
    for index, (heads, token) in enumerate(waiting):
        if word is not None and word.value not in _ACCEPTS.get(token.value, ()):
            continue
        for finding, start in _of_quality(state, heads, token, word):
            last = index == len(waiting) - 1
            end = max(token.end, (word or seen or token).end) if last else token.end
            form(state, finding, start, end, shared=shared)
            shared = True
    for mention in state.mentions[before:]:
        mention.dropped = mention.dropped or changes
    state.front = None if shared else front
    state.noun = state.noun or not shared  # 開放制限軽度: a grade of what is no concept
    if word is None:
        for mention in state.mentions[before:]:
            mention.cues.append("normal")
        state.cued = state.cued or shared
    state.settle()


def _place(one: tuple[tuple[Token, ...], Token]) -> tuple[int, int]:
    """The half-open span of a neutral name with its structures."""
    heads, token = one
    return min([token.start, *(head.start for head in heads[:1])]), token.end


def _prosthetic(state: State, token: Token) -> bool:
    """Whether 可動性, 開放 speak of a prosthesis: it was named before, or in the words themselves."""
    return (
        state.prosthesis != ""
        or state.text[token.start] in "人生機"
        or state.text[token.start : token.end].startswith("prosthe")
    )


def _of_quality(  # noqa: C901 - rules in order of precedence
    state: State, heads: tuple[Token, ...], token: Token, word: Token | None
) -> Iterable[tuple[Finding, int]]:
    """The findings that one neutral name means, with where each begins."""
    part, findings, compounds = token.value, state.lexicon.findings, state.lexicon.compounds
    begin = heads[0].start if heads else token.start
    if part == "prosthesis" and not _prosthetic(state, token):
        return
    names = [name for head in heads for name in head.value]
    if part == "systolic" and (state.regions or state.diffuse) and state.text[token.start : token.end] in _OF_A_WALL:
        part = "motion"  # 後側壁の収縮低下
    if part == "motion" and not names and state.in_rv and state.text[token.start] not in "左L":
        yield compounds["rv", part], begin
        return
    if part in ("motion", "regional") and "rv" not in names and "ra" not in names:
        septal = "septum" in names
        if (state.regions and not state.diffuse) or septal:
            begin = min([begin, *(region.start for region in state.regions)])
            low = word is not None and word.value == "low"
            if word is not None and word.value == "paradoxical":
                yield findings["septal_motion" if septal else "dyskinesis"], begin
                return
            yield findings["hypokinesis" if low else "rwma"], begin
        elif state.diffuse and word is not None and word.value == "low":
            yield findings["diffuse_hypo"], min(begin, state.diffuse.start)
        else:
            yield findings["rwma" if part == "regional" else "lv_wall_motion"], begin
        return
    of_last = state.last_heads[:1] if (*state.last_heads[:1], part) in compounds else ()
    generic = state.text[token.start : token.end].lower() in _GENERIC
    if generic and not names and of_last in (("lv",), ("rv",)):
        both = set(state.last_heads) == {"lv", "rv"}
        for name in state.last_heads if both else of_last:  # 右室に拡大なく、収縮も良好
            yield compounds[name, part], begin
        return
    if generic and not heads and begin and state.values and state.text.startswith("収縮", begin):
        if state.values[-1].measure == "lvef" and state.topic in ((), ("lv",)):
            yield compounds["lv", part], begin  # LVEF 62%、収縮良好
        return
    if not heads and generic and part != "prosthesis" and not (state.topic and (state.topic[0], part) in compounds):
        return
    if not names:
        lent = [name for name in state.topic if (name, part) in compounds]
        ventricles = set(state.last_heads) <= {"lv", "rv"} and "rv" in state.last_heads
        if part == "systolic" and ventricles and state.text[token.start : token.end] in _OF_EITHER:
            lent = list(state.last_heads)  # 右室の拡大と収縮能低下
        names = lent or list(_OF_IVC.get(part, () if part in _NEEDS_HEAD else ("lv",)))
        for name in names:
            if (name, part) in compounds:
                yield compounds[name, part], token.start
        return
    several = len(names) > 1
    any_found = False
    for head in heads:
        for name in head.value:
            if (name, part) in compounds:
                any_found = True
                yield compounds[name, part], head.start if several else begin
    if (
        not any_found
        and part not in _NEEDS_HEAD
        and (part == "prosthesis" or set(names) & {"ivc", "pulm", "mv", "prosth", "aorta", "wall", "av"})
    ):
        name = "ivc" if part == "collapse" else "lv"
        if (name, part) in compounds:
            yield compounds[name, part], begin


def of_collapse(state: State, token: Token) -> bool:
    """Read by how much a vein collapses: 呼吸性変動: >50%."""
    value: Number = token.value
    last = state.qualities[-1][1] if state.qualities else None
    if last is None or last.value != "collapse" or value.unit != "%" or value.op not in (">", ">=", "<", "<="):
        return False
    if state.text[last.end : token.start].strip(" :は(率") or value.low != _HALF:
        return False
    form_all(state, None if value.op in (">", ">=") else token._replace(kind="abnormal", value="low"))
    return True
