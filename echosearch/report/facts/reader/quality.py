"""Neutral names, and what makes findings of them: 壁運動 + 低下, 収縮能 + 良好, 左室径 + 正常."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.compared import is_change
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.quality_meaning import GENERIC, OF_EITHER, quality_meaning
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
_SHARES = GENERIC | OF_EITHER | {"大きさ", "サイズ", "size", "容積", "動き", "厚さ", "厚み", "壁運動"}
_JOINS = re.compile(r"\s*(?:[・/と]|や|および|及び|and)\s*")
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


def quality(state: State, token: Token) -> None:
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
    if part in ("systolic", "motion") and _of_a_prosthesis(state, part, token):
        part = "prosthesis"
    elif part == "motion" and _of_a_leaflet(state, token):
        state.heads = []
        return
    token = token._replace(value=part)
    heads = _structures(state, token, own)
    state.qualities.append((heads, token))
    if any(name in VALVES for head in heads for name in head.value):
        state.last_heads = tuple(name for head in heads for name in head.value)  # 大動脈弁の開放は良好で狭窄なし
    state.heads = []
    if state.unclear and token.measure is None:
        _unassessed(state)
    elif not (part == "collapse" and _collapse_told_before(state, token)):
        _by_word_before(state, token)


def _of_a_prosthesis(state: State, part: str, token: Token) -> bool:
    """Whether a prosthesis is what functions, or moves: TAVI弁の機能, ディスクの動き."""
    last = state.last
    named = last is not None and last.finding.concept == "prosthetic_valve"
    if named and last is not None and _OF_IT.fullmatch(state.text, last.end, token.start):
        return True
    return bool(part == "motion" and state.prosthesis and _OF_A_DISC.search(state.text, 0, token.start))


def _of_a_leaflet(state: State, token: Token) -> bool:
    """Whether a leaflet is what moves: 僧帽弁後尖の動き."""
    if any(name in ("lv", "rv", "septum") for head in state.heads for name in head.value):
        return False
    return _OF_A_LEAFLET.search(state.text, max(0, token.start - 12), token.start) is not None


def _structures(state: State, token: Token, own: str) -> tuple[Token, ...]:
    """Return the structures of a neutral name; ``own``: the one that its own word holds (左房径), or ""."""
    heads = tuple(state.heads)
    if heads and heads[-1].value == ("none",) and _APART.search(state.text, heads[-1].end, token.start):
        heads = ()  # 肺静脈血流: S<D、左房圧上昇
    if own:
        beside = heads and token.value == "size" and _JOINS.fullmatch(state.text, heads[-1].end, token.start)
        return (*(heads if beside else ()), token._replace(kind="structure", value=(own,)))  # 左室内腔・左房径
    return heads or _structures_before(state, token)


def _structures_before(state: State, token: Token) -> tuple[Token, ...]:
    """Return the structures that a neutral name without one shares with what was named before it."""
    word = state.text[token.start : token.end].lower()
    if state.strong and word in GENERIC:
        return (token._replace(kind="structure", value=state.last_heads),) if state.last_heads else ()
    if state.qualities and word in _SHARES:
        heads, before = state.qualities[-1]
        return heads if _JOINS.fullmatch(state.text, before.end, token.start) else ()  # 左心室の動き・大きさ
    if state.strong and token.value == "motion" and state.last_heads == ("rv",) and not state.regions:
        return (token._replace(kind="structure", value=("rv",)),)  # 右室の拡大および壁運動低下
    return ()


def _unassessed(state: State) -> None:
    """Say of what waits that it could not be assessed: unable to assess diastolic function."""
    made = len(state.mentions)
    form_all(state, None)
    for mention in state.mentions[made:]:
        mention.cues[:] = ["unassessed"]


def _collapse_told_before(state: State, token: Token) -> bool:
    """Read a vein's collapse that was told before its name: >50% respiratory collapse, no collapse."""
    low = Token("abnormal", "low", token.start, token.end, token.rule)
    share = state.waiting
    if share is not None and share.value.unit == "%" and share.end >= token.start - 1:
        state.waiting = None
        form_all(state, None if share.value.low >= _HALF and share.value.op not in ("<", "<=") else low)
        return True
    if state.denied and _DENIED.search(state.text, max(0, token.start - 24), token.start):
        state.denied = False
        form_all(state, low)
        return True
    return False


def _by_word_before(state: State, token: Token) -> None:
    """Make findings of what waits by the word that came before its name: normal, reduced."""
    word = state.value_word
    if word is None:
        return
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
        for finding, start in quality_meaning(state, heads, token, word):
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
