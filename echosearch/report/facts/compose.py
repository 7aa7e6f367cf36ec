"""Structures, attributes and neutral names put together into findings: 左房・左室 + 拡大, 下壁 + 壁運動 + 低下."""

from __future__ import annotations

import re
from collections.abc import Iterable

from echosearch.report.facts.lexicon import Finding
from echosearch.report.facts.mention import Mention
from echosearch.report.facts.state import VALVES, State
from echosearch.report.facts.tokens import Token

__all__ = ["attribute", "grade_quality", "judge", "normal", "quality", "resolve"]

_ACCEPTS = {
    "motion": ("low", "abnormal"),
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
_OF_IVC = {"collapse": ("ivc",)}
_NAMED_AGAIN = re.compile(r"\s*の?\s*(?:左室)?拡張(?:障害|不全)")
_NOWHERE = Finding("", "", "size", None)


def attribute(state: State, token: Token) -> None:
    """拡大, 逆流, 狭窄 …: of the structures named before it, else of the heading, else of what comes after."""
    part = token.value
    heads: Iterable[Token] = state.heads or next((heads for heads, _ in reversed(state.qualities) if heads), ())
    heads = tuple(heads)
    if heads:
        _of_heads(state, heads, part, token)
        return
    if part == "aneurysm" and state.regions:
        state.form(state.lexicon.compounds["lv", part], state.regions[0].start, token.end)
        state.settle()
        return
    names = _lent(state, part)
    found = [state.lexicon.compounds[name, part] for name in names if (name, part) in state.lexicon.compounds]
    for index, finding in enumerate(found):
        state.form(finding, token.start, token.end, shared=index > 0)
    if found:
        state.last_heads = names
        state.settle()
    elif (
        token.rule.startswith("attribute.hypertrophy")
        and token.value == part
        and "壁" in state.text[token.start : token.end]
    ):
        state.form(state.lexicon.compounds["lv", "hypertrophy"], token.start, token.end)
        state.settle()
    elif state.others is False:
        made = state.form(_NOWHERE, token.start, token.end)
        state.orphan = (token, made)


def _lent(state: State, part: str) -> tuple[str, ...]:
    """The structures that lend an attribute their name where none stands before it."""
    compounds = state.lexicon.compounds
    if state.last_heads and any((name, part) in compounds for name in state.last_heads):
        valves = any(name in VALVES or name in ("valves", "prosth") for name in state.last_heads)
        if valves or state.strong or (state.group and not state.cued and state.comma):
            return state.last_heads
    return state.topic if any((name, part) in compounds for name in state.topic) else ()


def _of_heads(state: State, heads: tuple[Token, ...], part: str, token: Token) -> None:
    compounds = state.lexicon.compounds
    names: list[str] = []
    shared = False
    for index, head in enumerate(heads):
        last = index == len(heads) - 1
        for name in head.value:
            names.append(name)
            for finding in _compound(state, name, part, compounds):
                end = token.end if last else head.end
                state.form(finding, head.start, end, shared=shared)
                shared = True
    if shared:
        state.front = None
    state.settle()
    state.last_heads = tuple(names)


def _compound(state: State, name: str, part: str, compounds: dict[tuple[str, str], Finding]) -> Iterable[Finding]:
    if part == "lesion" and name in VALVES:
        return [state.lexicon.findings[concept] for concept in VALVES[name]]
    if name == "prosth":
        concept = "prosthetic_leak" if part == "regurgitation" else "prosthetic_dysfunction"
        return [state.lexicon.findings[concept]] if part in ("regurgitation", "lesion") else []
    if name == "valves" and state.others:
        return []
    found = compounds.get((name, part))
    return [found] if found is not None else []


def resolve(state: State, token: Token) -> None:
    """A structure after its attribute: 拡大した左房, dilated left atrium."""
    if state.orphan is None:
        return
    part, mention = state.orphan
    state.orphan = None
    found = [f for name in token.value for f in _compound(state, name, part.value, state.lexicon.compounds)]
    if not found:
        return
    mention.finding = found[0]
    mention.end = token.end
    for finding in found[1:]:
        copy = Mention(finding, token.start, token.end, "strong", mention.severity, mention.graded, shared=True)
        copy.cues, copy.historical, copy.significant = list(mention.cues), mention.historical, mention.significant
        state.group.append(copy)
        state.mentions.append(copy)
    state.last_heads = token.value
    state.heads = []


def quality(state: State, token: Token) -> None:
    """壁運動, 収縮能 …: neutral until a word such as 低下 or 正常 comes, or came before it."""
    if state.comma and state.numbered:
        state.qualities = []
    part, _, own = token.value.partition("@")
    heads = tuple(state.heads)
    if own:  # a name that holds its structure: 左房径
        token = token._replace(value=part)
        heads = (token._replace(kind="structure", value=(own,)),)
    elif not heads and state.strong and state.text[token.start : token.end].lower() in _GENERIC:
        heads = (token._replace(kind="structure", value=state.last_heads),) if state.last_heads else ()
    state.qualities.append((heads, token))
    state.heads = []
    word = state.value_word
    if word is not None:
        if word.kind == "normal":
            _form_all(state, None)
        elif word.value in _ACCEPTS.get(token.value, ()):
            _form_all(state, word)


def judge(state: State, token: Token) -> bool:
    """低下, 異常, 上昇: makes the neutral names before it findings. False where nothing waits for it."""
    if state.others and not state.regions:
        return False
    if any(token.value in _ACCEPTS.get(q.value, ()) for _, q in state.qualities):
        _form_all(state, token)
        return True
    if state.regions and token.value == "low" and not state.qualities:
        concept = "diffuse_hypo" if state.diffuse else "hypokinesis"
        state.form(state.lexicon.findings[concept], state.regions[0].start, token.end)
        state.settle()
        return True
    if (
        token.value == "abnormal"
        and state.heads
        and any(name in VALVES or name == "valves" for name in state.heads[-1].value)
    ):
        _of_heads(state, tuple(state.heads), "lesion", token)
        return True
    if token.value == "abnormal" and not state.heads and not state.group and _topic_valve(state):
        for index, finding in enumerate(
            f for name in state.topic for f in _compound(state, name, "lesion", state.lexicon.compounds)
        ):
            state.form(finding, token.start, token.end, shared=index > 0)
        return True
    if state.heads and state.heads[-1].value == ("septum",) and token.value == "low":
        state.form(state.lexicon.findings["hypokinesis"], state.heads[-1].start, token.end)
        state.settle()
        return True
    state.value_word = token
    return False


def _topic_valve(state: State) -> bool:
    return any(name in VALVES or name == "valves" for name in state.topic)


def normal(state: State, token: Token) -> bool:
    """正常, 良好: makes what waits an absent finding. False where nothing waits for it."""
    if state.others:
        state.settle()
        return True
    if state.qualities:
        _form_all(state, None, token)
        return True
    if state.heads:
        names = [name for head in state.heads for name in head.value]
        if any(name in VALVES or name == "valves" for name in names):
            _of_heads(state, tuple(state.heads), "lesion", token)
            _mark_normal(state, token)
            return True
        sized = token.value == "normal" and (
            re.search("大|サイズ|size", state.text[token.start : token.end])
            or set(names) <= {"la", "ra", "aorta", "ivc"}
        )
        if sized or "拡大" in state.text:
            _of_heads(state, tuple(state.heads), "dilation", token)
            _mark_normal(state, token)
        state.value_word = token if state.text[token.start].isascii() else None
        return True
    if _topic_valve(state) and not state.group and state.text[: token.start].strip(" :、はも") == "":
        for index, finding in enumerate(
            f for name in state.topic for f in _compound(state, name, "lesion", state.lexicon.compounds)
        ):
            state.form(finding, token.start, token.end, shared=index > 0)
        _mark_normal(state, token)
        return True
    state.value_word = token
    return False


def _mark_normal(state: State, token: Token) -> None:
    for mention in state.group:
        if (
            (not mention.cues and mention.end == token.end)
            or mention.shared
            or (mention.end <= token.start and mention is state.group[-1])
        ):
            mention.cues.append("normal")
    for mention in state.group:
        if "normal" not in mention.cues and not mention.cues and state.group[-1].shared:
            mention.cues.append("normal")
    state.cued = True


def grade_quality(state: State, severity: tuple[int, int], token: Token) -> bool:
    """拡張能: グレードII - a grade instead of a word. False where no diastolic function waits."""
    if not any(q.value == "diastolic" for _, q in state.qualities):
        return False
    if _NAMED_AGAIN.match(state.text, token.end):
        return False
    quality = next(q for _, q in state.qualities if q.value == "diastolic")
    made = state.form(state.lexicon.findings["lv_diastolic"], quality.start, token.end)
    made.severity, made.graded = severity, True
    state.settle()
    return True


def _form_all(state: State, word: Token | None, seen: Token | None = None) -> None:
    """Form a finding for every neutral name that waits; with no abnormal word they are normal."""
    waiting, shared = state.qualities, False
    before = len(state.mentions)
    front = state.front
    for index, (heads, token) in enumerate(waiting):
        if word is not None and word.value not in _ACCEPTS.get(token.value, ()):
            continue
        for finding, start in _of_quality(state, heads, token, word):
            last = index == len(waiting) - 1
            end = max(token.end, (word or seen or token).end) if last else token.end
            state.form(finding, start, end, shared=shared)
            shared = True
    state.front = None if shared else front
    if word is None:
        for mention in state.mentions[before:]:
            mention.cues.append("normal")
        state.cued = state.cued or shared
    state.settle()


def _prosthetic(state: State, token: Token) -> bool:
    """Whether 可動性, 開放 speak of a prosthesis: it was named before, or in the words themselves."""
    return (
        state.prosthesis
        or state.text[token.start] in "人生機"
        or state.text[token.start : token.end].startswith("prosthe")
    )


def _of_quality(
    state: State, heads: tuple[Token, ...], token: Token, word: Token | None
) -> Iterable[tuple[Finding, int]]:
    """The findings that one neutral name stands for, with where each begins."""
    part, findings, compounds = token.value, state.lexicon.findings, state.lexicon.compounds
    begin = heads[0].start if heads else token.start
    if part == "prosthesis" and not _prosthetic(state, token):
        return
    names = [name for head in heads for name in head.value]
    if part in ("motion", "regional") and "rv" not in names and "ra" not in names:
        septal = "septum" in names
        if (state.regions and not state.diffuse) or septal:
            begin = min([begin, *(region.start for region in state.regions)])
            low = word is not None and word.value == "low"
            yield findings["hypokinesis" if low else "rwma"], begin
        elif state.diffuse and word is not None and word.value == "low":
            yield findings["diffuse_hypo"], min(begin, state.diffuse.start)
        else:
            yield findings["rwma" if part == "regional" else "lv_wall_motion"], begin
        return
    if (
        not heads
        and state.text[token.start : token.end].lower() in _GENERIC
        and not (state.topic and (state.topic[0], part) in compounds)
    ):
        return
    if not names:
        lent = [name for name in state.topic if (name, part) in compounds]
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
        and set(names) & {"ivc", "pulm", "mv", "prosth", "aorta", "wall", "av"}
    ):
        name = "ivc" if part == "collapse" else "lv"
        if (name, part) in compounds:
            yield compounds[name, part], begin
