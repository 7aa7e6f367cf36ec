"""Structures and attributes put together into findings: 左房・左室 + 拡大, 下壁 + 低下; and what 正常 makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader.compared import is_change
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.numbers.sized import of_measured
from echosearch.report.facts.reader.state import VALVES, State
from echosearch.report.facts.reader.twice import subject
from echosearch.report.facts.text.tokens import Token

__all__ = [
    "apart",
    "attribute",
    "compound_findings",
    "of_heads",
    "of_topic",
    "spreads",
    "topic_valve",
    "with_grades",
]

_MODIFIES = re.compile(r"し(?:た|ている)(?=[左右両僧大三肺中])| (?=(?:LA|RA|LV|RV|IVC)\b|[Ll]eft|[Rr]ight)")
_AND = re.compile("[・やと/&+]|及び|および|ならびに|または|もしくは|あるいは|ないし|も|共に|いずれ|and|or")
_RESIDUAL = re.compile("(?:残存|遺残)(?:する|した|の|性)?$")
# There is no significant (stenosis)
_MUCH = re.compile(
    r"\s*(?:there (?:is|are|was) )?(?:(?:no|trace|trivial|minimal|mild|moderate|severe|to|evidence of|significant"
    r"|residual|or|stenosis|obstruction|-) ?)+|(?:(?:ごく)?軽度|中等度|高度|重度|有意|明らか|わずか)[なの]?",
    re.IGNORECASE,
)
_AT_VALVE = re.compile("弁位の?$")
_GREATER = re.compile("[房室]より$")
_IS = re.compile(r"(?:の(?:程度|重症度|評価|有無))?\s*:\s*|(?:を?(?:認める|認め|あり))?\s*\(")
# 左室の収縮良好、拡大なし; 左室拡大なし、肥大なし
_JUST_NAMED = re.compile(
    r"(?:良好|正常|保たれ|低下)(?:で|ており)?、$|(?:だ|である)が、?$|(?:なし|あり|認めず|認めない|\([-+±]\))、$"
)
_ALL_CHAMBERS = re.compile("(?:他|以外|残り)(?:の|は|には|に)*(?:心(?:内)?腔|房室|心房心室|chamber)")
_OF_ANOTHER = re.compile("肺(?!高血圧|動脈|静脈|塞栓)|循環|気道|IVC|下大静脈|(?!期)[一-龠ァ-ヶA-Za-z]$")  # 肺, 末梢虚脱
_NOWHERE = Finding("", "", "size", None)


def attribute(state: State, token: Token) -> None:
    """Join 拡大, 逆流, 狭窄 … to the structures named before it, else to the heading's, else to those after it."""
    if _of_what_waits(state, token):
        return
    names = _lent(state, token)
    found = _compounds(state, names, token.value)
    if not found:
        names, found = _of_what_was_named(state, token, names)
    if token.value == "regurgitation":
        names, found = _of_prosthesis(state, token, names, found)
    if not found and token.value == "lesion" and topic_valve(state):
        of_topic(state, token)  # a heading on its own line, 病変なし below it
        return
    for index, finding in enumerate(found):
        form(state, finding, token.start, token.end, shared=index > 0, lent=True)
    if found:
        state.last_heads = names
        state.settle()
    elif state.others is False:
        made = form(state, _NOWHERE, token.start, token.end)
        state.orphan = (token, made)


def _of_what_waits(state: State, token: Token) -> bool:
    """Join an attribute to the structures or the walls that wait for it. False where none does."""
    part, compounds = token.value, state.lexicon.compounds
    if _GREATER.search(state.text, max(0, token.start - 4), token.start):
        state.settle()  # 右室は左室より大きい
        return True
    if part == "leak":
        form(state, state.lexicon.findings["prosthetic_leak"], token.start, token.end)  # TAVI弁周囲逆流
        state.settle()
        return True
    heads = tuple(state.heads) or next((heads for heads, _ in reversed(state.qualities) if heads), ())
    if heads and not state.heads and is_change(state, state.qualities[-1][1].start, state.qualities[-1][1].end, token):
        state.settle()  # 左室径は前回より拡大, LVDd 55→60mmと拡大
        return True
    if heads:
        of_heads(state, heads, part, token)
        return True
    septal = state.regions and "中隔" in state.text[state.regions[-1].start : state.regions[-1].end]
    wall = {"aneurysm": "lv", "hypertrophy": "septum" if septal else None}.get(part)
    if wall is None or not state.regions:
        return False
    form(state, compounds[wall, part], state.regions[0].start, token.end)
    state.settle()
    return True


def _compounds(state: State, names: Iterable[str], part: str) -> list[Finding]:
    return [state.lexicon.compounds[name, part] for name in names if (name, part) in state.lexicon.compounds]


def _of_what_was_named(state: State, token: Token, names: tuple[str, ...]) -> tuple[tuple[str, ...], list[Finding]]:
    """Return the structures and the findings of an attribute that no structure lends its name to."""
    part, findings = token.value, state.lexicon.findings
    if part == "aneurysm" and state.last is not None and state.last.finding.group == "motion":
        if state.comma:
            state.close()  # 前壁の壁運動低下、瘤形成なし
        return names, _compounds(state, ("lv",), part)
    if part == "invagination" and _of_the_heart(state, token):
        if state.last is not None and state.text.startswith(("は", "が"), state.last.end):
            state.close()
        return names, [findings["tamponade"]]  # 心嚢液は増加、虚脱なし
    begun = part in ("regurgitation", "stenosis") and _begins(state, token)
    if begun and part == "regurgitation" and state.prosthesis == (state.site or "prosth") and not state.topic:
        return names, [findings["prosthetic_leak"]]  # 生体弁の開放良好。逆流なし
    about = subject(state.text, state.mentions, state.front.start if state.front else token.start)
    if about is not None and (of_it := _compounds(state, (about.finding.head or "",), part)):
        return (about.finding.head or "",), of_it  # ARは大動脈基部拡大による中等度の逆流
    if begun and not state.prosthesis:  # MitraClip後。残存逆流は軽度; Calcified aortic valve. No stenosis
        return (state.site or "",), _compounds(state, (state.site or "",), part)
    return names, []


def _of_prosthesis(
    state: State, token: Token, names: tuple[str, ...], found: list[Finding]
) -> tuple[tuple[str, ...], list[Finding]]:
    """Return a leak's structures and findings where a prosthesis is what leaks, else those given."""
    leak = [state.lexicon.findings["prosthetic_leak"]]
    named = state.prosthesis and state.text[token.start : token.end].lower() in ("leak", "リーク")
    if named or (not found and state.last_heads == ("prosth",)):
        return state.last_heads, leak  # 生体弁: 開放良好、逆流軽度
    if state.prosthesis and _AT_VALVE.search(state.text, 0, token.start):
        return names, leak  # 肺動脈弁位の逆流
    return names, found


def _begins(state: State, token: Token) -> bool:
    """Whether nothing but how much stands before a valve's lesion: it is of the valve named last."""
    if _RESIDUAL.search(state.text, 0, token.start) or state.text[: token.start].strip(" ・") == "":
        return True
    named = state.topic or any(mention.finding.concept for mention in state.mentions)
    return not named and _MUCH.fullmatch(state.text, 0, token.start) is not None


def spreads(state: State, found: list[Token], index: int, part: str) -> bool:
    """Return whether what may be wrong heads a list of structures: 逆流: 大動脈弁 軽度、…; 拡大(左房: 高度."""
    token = found[index]
    place = index + 1
    if place < len(found) and found[place].kind == "positive":
        place += 1  # 心房の拡大を認める(左房: …
    following = found[place] if place < len(found) else None
    if following is None or following.kind != "structure" or (following.value[0], part) not in state.lexicon.compounds:
        return False
    gap = state.text[token.end : following.start]
    first = not state.text[: token.start].strip(" ・-")
    begins = first and gap.isspace() and not state.text[token.start].isascii()
    begins = begins or (first and gap in ("は", "が"))
    general = not state.heads or state.heads[-1].value[0] == "valves" or len(state.heads[-1].value) > 2
    if not general or not (_IS.fullmatch(gap) or begins) or state.mentions:
        return False
    state.spread = part
    state.heads = []
    state.done = place - 1
    return True


def _of_the_heart(state: State, token: Token) -> bool:
    """Whether 虚脱 without a chamber is the heart's: an effusion is there, and no lung or vein was named."""
    effusions = [m for m in state.mentions if m.finding.concept == "pericardial_effusion"]
    there = effusions[-1].polarity in ("present", "uncertain") if effusions else state.context.fluid
    vein = "ivc" in (state.measure, *state.topic, *state.last_heads)
    vein = vein or any(m.finding.group == "vein" for m in state.mentions)
    return there and not vein and _OF_ANOTHER.search(state.text, 0, token.start) is None


def _lent(state: State, token: Token) -> tuple[str, ...]:
    """The structures that lend an attribute their name where none stands before it."""
    part = token.value
    if part == "hypertrophy" and "壁" in state.text[token.start : token.end]:
        names = state.topic or ("lv",)
    else:
        names = of_measured(state, part, token) or _named_before(state, part, token)
    return () if _MODIFIES.match(state.text, token.end) else names  # 拡大した左房: of what follows


def _named_before(state: State, part: str, token: Token) -> tuple[str, ...]:
    """The structures named last, or those of the heading."""
    compounds = state.lexicon.compounds
    if state.last_heads == ("mva",) and ("mva", part) not in compounds:
        state.last_heads = ("mv",)  # MAC without stenosis
    if state.last_heads and any((name, part) in compounds for name in state.last_heads):
        valves = any(name in VALVES or name in ("valves", "prosth") for name in state.last_heads)
        size = (
            part in ("dilation", "hypertrophy")
            and _JUST_NAMED.search(state.text, max(0, token.start - 8), token.start) is not None
        )
        if valves or state.strong or size or (state.group and not state.cued and state.comma):
            return state.last_heads
    return state.topic if any((name, part) in compounds for name in state.topic) else ()


def of_heads(state: State, heads: tuple[Token, ...], part: str, token: Token) -> None:
    """Make the findings of an attribute behind its structures: 左房・左室の拡大."""
    names: list[str] = []
    shared = False
    with_grades(state, part)
    if len(heads) > 1 and state.last is not None and apart(state):
        state.strong = False  # MR、左室・右室の拡大: the point joins the structures
    for index, head in enumerate(heads):
        last = index == len(heads) - 1
        for name in head.value:
            names.append(name)
            for finding in compound_findings(state, name, part):
                end = token.end if last else head.end
                form(state, finding, head.start, end, shared=shared)
                shared = True
    state.front = None  # 軽度肥厚 of a valve: a grade of what is no concept is used up
    state.noun = state.noun or not shared
    state.settle()
    state.last_heads = tuple(names)


def with_grades(state: State, part: str) -> None:
    """Make findings of the structures that wait with a grade of their own: trace mitral and mild tricuspid …"""
    own = state.front
    for heads, front in state.graded_heads:
        state.front = front
        for head in heads:
            for finding in (f for name in head.value for f in compound_findings(state, name, part)):
                form(state, finding, head.start, head.end)
                state.strong = True
    state.front, state.graded_heads = own, []


def apart(state: State) -> bool:
    """Return whether no word joins the structures that wait to the finding named last."""
    last = state.last
    return last is None or not state.heads or not _AND.search(state.text, last.end, state.heads[0].start)


def compound_findings(state: State, name: str, part: str) -> Sequence[Finding]:
    """Return the findings that a structure and an attribute make: a valve's lesion is its leak and its stenosis."""
    if part == "lesion" and name in VALVES:
        return [state.lexicon.findings[concept] for concept in VALVES[name]]
    if name == "prosth":
        concept = "prosthetic_leak" if part == "regurgitation" else "prosthetic_dysfunction"
        return [state.lexicon.findings[concept]] if part in ("regurgitation", "lesion") else []
    if state.others and (name == "valves" or _ALL_CHAMBERS.search(state.text)):
        return []  # その他の弁, その他の心腔
    return _compounds(state, (name,), part)


def of_topic(state: State, token: Token) -> None:
    """Make the lesions of the valve that the heading names."""
    found = [f for name in state.topic for f in compound_findings(state, name, "lesion")]
    for index, finding in enumerate(found):
        form(state, finding, token.start, token.end, shared=index > 0)


def topic_valve(state: State) -> bool:
    return any(name in VALVES or name == "valves" for name in state.topic)
