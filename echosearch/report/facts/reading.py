"""One sentence read from left to right: every token changes the state, and findings and values come out."""

from __future__ import annotations

import re
from collections.abc import Callable

from echosearch.report.facts import compose, cue, severity, value
from echosearch.report.facts.lexicon import Lexicon
from echosearch.report.facts.mention import Mention, Value
from echosearch.report.facts.state import FORMING, VALVES, Context, State
from echosearch.report.facts.tokens import Token, tokens

__all__ = ["read_sentence"]

_JOINS = re.compile(r"[\s、,・と/]*")
_PARTICLE = re.compile(r"\s*(?:は|:|においては|では|に関しては|については)")
_EMBOLISM = re.compile(r"塞栓|DVT|急性PE|深部静脈|血栓溶解|acute PE|embol", re.IGNORECASE)
_REPAIRED = re.compile(r"\s*(?:[+＋・、&/]\s*(?:TAP|MAP)|(?:手?術|後|plasty|形成|施行|repair))", re.IGNORECASE)
_REPAIRED_BEFORE = re.compile(r"(?:TAP|MAP)\s*[+・、&/]\s*$")
_BARE_IMPLANTS = ("人工弁", "リード", "ペースメーカー", "デバイス")
_REPORTS_ONLY = {"earlier", "now", "recalled", "change", "new", "others", "poor", "skip"}  # not of a query
_QUERY_CUES = {
    *("negative", "positive", "insignificant", "suspected", "undenied", "unassessed", "history", "treated", "exclude"),
    *("and", "or", "significant", "clear", "end"),
}
_CUES = {
    *("negative", "positive", "insignificant", "suspected", "undenied", "unassessed", "history", "treated"),
    *("change", "drop", "exclude"),
}


def read_sentence(
    sentence: str,
    lexicon: Lexicon,
    context: Context,
    query: bool = False,
    covered: list[tuple[int, int]] | None = None,
    at: int = 0,
) -> tuple[list[Mention], list[Value], Context]:
    """The findings and values of one sentence, and what it leaves to the next.

    Of a query, ``covered`` takes the spans that were understood, ``at`` characters further.
    """
    state = State(sentence, lexicon, context, query)
    found = tokens(sentence, lexicon, query)
    if query:
        found = [token for token in found if token.kind not in _REPORTS_ONLY]
    end = 0
    for index, token in enumerate(found):
        if index <= state.done:
            end = token.end
            continue
        gap = sentence[end : token.start]
        if gap:
            _gap(state, gap, end)
        _read(state, found, index)
        end = max(end, token.end)
    rest = sentence[end:]
    if rest:
        _gap(state, rest, end)
    if found and all(token.kind == "structure" for token in found) and not rest.strip(" :、は・-"):
        state.topic = tuple(name for token in found for name in token.value)  # a heading on a line of its own
    mentions = [m for m in state.mentions if m.finding.concept and not m.dropped]
    if state.unsited:
        value.settle(state)
    if covered is not None:
        _cover(state, found, mentions, covered, at)
    return mentions, state.values, state.left()


def _cover(state: State, found: list[Token], mentions: list[Mention], covered: list[tuple[int, int]], at: int) -> None:
    """Note what of a query was understood: findings and values, and the cues about them."""
    for one in (*mentions, *state.values):
        one.start_at = at + one.start
        covered.append((at + one.start, at + one.end))
    if mentions or state.values:
        covered.extend((at + token.start, at + token.end) for token in found if token.kind in _QUERY_CUES)


def _gap(state: State, gap: str, end: int) -> None:
    """What stands between two tokens: topics, commas, brackets."""
    if state.heads and state.heads[-1].end == end and _PARTICLE.match(gap):
        state.topic = tuple(name for head in state.heads for name in head.value)
    elif ":" in gap and not state.heads and not state.qualities and end == 0:
        state.topic = ()  # a heading that no structure names
    if gap.startswith(("し", "され")) and state.group and state.group[-1].end == end:
        state.cued = True  # 拡大し、… : a predicate of its own
    for char in gap:
        if char in "、,":
            _comma(state)
        elif char == "(":
            state.depth += 1
        elif char == ")":
            state.depth -= 1
            if state.earlier and state.depth < state.earlier_depth:
                state.earlier = state.earlier_after = False
    if (
        state.heads
        and not _JOINS.fullmatch(gap)
        and gap.strip() not in ("の", "に", "は", "が", "も", ":", "では", "で")
    ):
        pass


def _comma(state: State) -> None:
    state.comma = True
    state.value_word = None
    state.denied = state.denied and not state.cued
    if state.earlier_after:
        state.earlier = state.earlier_after = False
    if state.numbered and state.qualities:
        state.qualities = []
    state.orphan = None
    state.numbered = False


def _read(state: State, found: list[Token], index: int) -> None:
    token = found[index]
    kind = token.kind
    if token.measure is not None or kind == "measure_vetoed":
        value.name(state, token)
    if kind in FORMING:
        _form(state, found, index)
    elif kind in ("severity", "grade", "bare_grade", "tendency"):
        severity.grade(state, found, index)
    elif kind == "number":
        value.number(state, found, index)
    elif kind == "normal":
        if not compose.normal(state, token):
            cue.normal(state, token)
        state.others = False
    elif kind in _CUES:
        cue.apply(state, found, index)
    elif (handler := _MARKS.get(kind)) is not None:
        handler(state, token)


def _form(state: State, found: list[Token], index: int) -> None:
    token = found[index]
    if token.kind == "finding":
        _finding(state, found, index)
    elif token.kind == "attribute":
        compose.attribute(state, token)
    elif token.kind == "structure":
        _structure(state, found, index)
    elif token.kind == "quality":
        if state.others:
            state.others = True
        compose.quality(state, token)
    elif token.kind == "region":
        state.regions.append(token)
        state.heads = [head for head in state.heads if head.value in (("rv",), ("lv",), ("septum",))]
    elif token.kind == "diffuse":
        state.diffuse = token
    elif not compose.judge(state, token):
        pass


def _structure(state: State, found: list[Token], index: int) -> None:
    token = found[index]
    state.name_structure(token)
    if state.orphan is not None and not state.comma:
        compose.resolve(state, token)
        return
    if token.value == ("tv",) and _aortic_context(state) and _alone(state, found, index):
        made = state.lexicon.findings["tav"]
        state.form(made, token.start, token.end)
        state.settle()
        return
    if state.heads:
        between = state.text[state.heads[-1].end : token.start]
        if not _JOINS.fullmatch(between) and not re.fullmatch(
            r"\s*(?:および|及び|ならびに|並びに|や|と|and|or|・|/)\s*", between
        ):
            state.heads = []
    state.heads.append(token)


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


def _finding(state: State, found: list[Token], index: int) -> None:
    token = found[index]
    finding, words = token.value, state.text[token.start : token.end]
    findings = state.lexicon.findings
    after = state.text[token.end : token.end + 12]
    concept = finding.concept
    if finding.rule == "pericardial_effusion.pe":
        around = state.text[max(0, token.start - 30) : token.start] + "|" + state.text[token.end : token.end + 30]
        if _EMBOLISM.search(around) or state.text[max(0, token.start - 2) : token.start] == "急性":
            finding = findings["pulm_embolism"]
    elif concept == "mvp" and words.lower() == "mvp":
        if _REPAIRED.match(after) or _REPAIRED_BEFORE.search(state.text[max(0, token.start - 8) : token.start]):
            finding = findings["repair_clip"]
    elif concept == "hypokinesis":
        if state.heads and state.heads[-1].value == ("rv",):
            finding = findings["rv_function"]
        elif state.diffuse is not None:
            finding = findings["diffuse_hypo"]
    elif concept == "dyskinesis" and not state.regions and state.heads and state.heads[-1].value == ("septum",):
        finding = findings["septal_motion"]
    elif concept == "valve_disease" and words in ("弁逆流", "弁狭窄", "弁逆流症", "弁狭窄症"):
        names = [head for h in state.heads for head in h.value] or list(state.topic)
        named = [name for name in names if name in VALVES]
        if named:
            finding = findings[VALVES[named[-1]]["狭窄" in words]]
    if (
        concept == "valve_disease"
        and words == "弁膜症"
        and after.startswith(" ")
        and _heads_a_list(state, found, index)
    ):
        return
    heading = after.lstrip(" ").startswith(":") and not (finding.implant and words not in _BARE_IMPLANTS)
    if heading and _heads_a_list(state, found, index):
        state.topic = (finding.head,) if finding.head else state.topic
        return
    if finding.head and re.search(r"は|:", words):
        state.topic = (finding.head,)
    begin = token.start
    made = state.form(finding, begin, token.end)
    if finding.concept in ("hypokinesis", "akinesis", "dyskinesis", "rwma", "diffuse_hypo") and state.regions:
        made.start = min(made.start, state.regions[0].start)
    if finding.concept == "diffuse_hypo" and state.diffuse is not None:
        made.start = min(made.start, state.diffuse.start)
    if finding.concept == "rv_function" and state.heads:
        made.start = min(made.start, state.heads[-1].start)
    if finding.concept == "pericardial_effusion":
        value.effusion(state, token)
    if finding.concept == "lvot" or finding.concept == "lvoto":
        state.site = "lvot"
    state.settle()
    state.orphan = None


def _heads_a_list(state: State, found: list[Token], index: int) -> bool:
    """Whether a finding before a colon is a heading: another finding follows before any word about it."""
    for token in found[index + 1 :]:
        if token.kind in ("finding", "measure", "quality"):
            return state.text[found[index].end : token.start].strip(" :") == "" or token.kind == "finding"
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


def _significant(state: State, token: Token) -> None:
    _begin(state)
    state.significant = True


def _new(state: State, token: Token) -> None:
    _begin(state)
    state.new = True


def _begin(state: State) -> None:
    """A word before its findings: after a predicate or a comma it begins a list of its own."""
    if state.cued or (state.group and state.comma and not state.strong):
        state.close()


def _and(state: State, token: Token) -> None:
    state.strong = True


def _either(state: State, token: Token) -> None:
    state.strong = state.either = True


def _end(state: State, token: Token) -> None:
    state.close()
    state.comma = True
    state.denied = False


def _poor(state: State, token: Token) -> None:
    state.poor = True


def _others(state: State, token: Token) -> None:
    state.close()
    state.settle()
    state.others = True


def _earlier(state: State, token: Token) -> None:
    last = state.last
    named = (last is not None and not state.comma) or (
        state.measure is not None and bool(state.values) and not state.comma
    )
    opened = state.text[: token.start].rstrip(" ").endswith("(")
    state.earlier = True
    state.earlier_after = bool(state.mentions or state.values) and (named or opened or state.comma)
    state.earlier_depth = state.depth
    state.now = False


def _recalled(state: State, token: Token) -> None:
    state.now = False


def _now(state: State, token: Token) -> None:
    state.earlier = state.earlier_after = False
    state.now = True
    state.arrow = state.text[token.start : token.end] in ("→", "->", "=>")


_MARKS: dict[str, Callable[[State, Token], None]] = {
    "significant": _significant,
    "new": _new,
    "and": _and,
    "or": _either,
    "end": _end,
    "poor": _poor,
    "others": _others,
    "earlier": _earlier,
    "recalled": _recalled,
    "now": _now,
    "clear": lambda state, token: _begin(state),
}
