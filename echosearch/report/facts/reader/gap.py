"""What stands between two tokens: topics, particles, commas, brackets."""

from __future__ import annotations

import re

from echosearch.report.facts.reader import compose
from echosearch.report.facts.reader.state import FORMING, State
from echosearch.report.facts.text.tokens import Token

__all__ = ["read_gap"]

_PARTICLE = re.compile(r"\s*(?:は|:|においては|では|に関しては|については)")
_ENGLISH_NOUN = re.compile(r" [a-z]{3,}(?: [a-z]{2,}){1,8},")
_TELLS = re.compile(r"[^、,]{0,10}?[、,(→]\s*(?:で|と)?")  # 70%程度、
_UNKNOWN = re.compile("[一-龠ァ-ヶ]{3,}")
_OF_WHAT_FOLLOWS = re.compile(r"[\s・*-]*\((?:前々?回|昨年|以前|術前|入院時)(?:値|時)?\)")
_PREDICATE = re.compile(r"[がは][^、。(]{2,12}[てで](?:おり|い[てる])、")  # が渦を巻いており、
_AND_IS = re.compile("(?:の?み|だけ)?で、?")
# what follows is at a finding, or the cause of it: 重症ASに軽度のARを合併, 左室肥大の原因としてASは否定的
_AT = re.compile(r"(?:内?に|の(?:原因|成因|機序|背景)(?:疾患|病態)?(?:として|[にはがで]))[はも]?[、,]?\s*")
_BEGINS = {*FORMING, "severity", "significant", "clear", "new"}
_NEITHER = re.compile("でもな[いく]")  # AFでもMSでもない
_NUMBERED = re.compile(r"[\s・*\d.)(#-]*")
_OF_HEADING = re.compile(r"[\s・*-]*(?:内腔|腔|形態|弁尖|評価|サイズ)\s*:")  # a part of what the one before names
_SUBJECT = re.compile(r"[\s\d.)(-]*(?:(?:the|native) ){0,2}", re.IGNORECASE)
_VERB = re.compile(r" (?:is|are|was|were|appears?|appeared|looks?|has|have|shows?|demonstrates?)\b", re.IGNORECASE)


def read_gap(state: State, gap: str, end: int, token: Token | None = None, after: Token | None = None) -> None:
    """Read the words from ``end`` up to a token, and to the ``after`` it, or to the end of the sentence."""
    told = _TELLS.fullmatch(gap) is not None and _evaluates(state, token, after)
    if state.qualities and state.qualities[-1][1].end == end and not state.mentions and _heads(state, gap, token):
        state.headed = state.headed or state.qualities[-1]
    _head(state, gap, end, token)
    _join(state, gap, end, token)
    if state.earlier_until and end + len(gap) > state.earlier_until:
        state.earlier = state.earlier_after = False
        state.earlier_until = 0
    for char in gap:
        if char in "、,":
            _comma(state, told)
        elif char == "(":
            state.depth += 1
        elif char == ")":
            _close_bracket(state, end)
    if told and not state.qualities and state.headed is not None and not state.mentions and state.values:
        state.qualities = [state.headed]  # 左室壁厚: IVS 13mm、PW 12mm、軽度肥厚


def _head(state: State, gap: str, end: int, token: Token | None) -> None:
    """Make a topic of what stands before a particle or a colon."""
    if state.heads and state.heads[-1].end == end and _is_topic(state, gap, token):
        state.topic = tuple(name for head in state.heads for name in head.value)
        state.firm = ":" in gap
        if state.firm and state.group and compose.apart(state):
            state.close()  # 左房：拡大、右室：拡大なし
    elif ":" in gap and state.regions and state.regions[-1].end == end and not state.heads:
        state.topic = ("lv",)
    elif ":" in gap and not state.heads and not state.qualities and end == 0 and not _OF_HEADING.match(gap):
        state.topic = ()  # a heading that no structure names


def _is_topic(state: State, gap: str, token: Token | None) -> bool:
    """Whether a structure is what the sentence goes on about."""
    if _PARTICLE.match(gap):
        return True
    return gap[0] == " " and (_opens(state, gap, token) or _is_subject(state))


def _join(state: State, gap: str, end: int, token: Token | None) -> None:
    """Note how the finding before is joined to the one that follows."""
    behind = bool(state.group) and state.group[-1].end == end
    if behind and _is_predicate(state, gap, end):
        state.cued = True  # 拡大し、… : a predicate of its own
    if state.group and _AND_IS.fullmatch(gap) and token is not None and token.kind in (*FORMING, "severity"):
        state.close()  # MRでASなし: MR is there
    if token is not None and token.kind in _BEGINS and _is_at_the_last(state, token):
        state.close()
        state.strong = False  # of として
    if state.query and state.either and _UNKNOWN.search(gap):
        state.either = False  # DCMまたは虚血性心筋症でEF 35%未満: what is joined is not known
    if behind and (gap == "も" or (gap == "でも" and _NEITHER.search(state.text, end))):
        state.strong = True  # MRもTRも


def _is_at_the_last(state: State, token: Token) -> bool:
    """Whether the finding named last is where what begins here is, or what that is the cause of."""
    return bool(state.group) and _AT.fullmatch(state.text, state.group[-1].end, token.start) is not None


def _close_bracket(state: State, end: int) -> None:
    """Forget what was said within brackets: walls, and an earlier time."""
    state.depth -= 1
    state.noun = False
    opened = state.text.rfind("(", 0, end)
    state.regions = [region for region in state.regions if region.start < opened]  # 心嚢液少量(後壁側6mm)
    if state.earlier and _OF_WHAT_FOLLOWS.fullmatch(state.text, 0, end + 1):
        state.earlier_depth = state.depth  # (前回)MR moderate (今回)MR mild
    elif state.earlier and state.depth < state.earlier_depth:
        state.earlier = state.earlier_after = False


def _is_predicate(state: State, gap: str, end: int) -> bool:
    """Whether what stands behind a finding is all that is said of it: 拡大し、 悪く、 が渦を巻いており、"""
    if gap.startswith(("し", "され")) or (gap[0] == "、" and state.text[end - 1] == "く"):
        return True
    return gap[0] in "がは" and _PREDICATE.fullmatch(gap) is not None


def _evaluates(state: State, token: Token | None, after: Token | None) -> bool:
    """Whether a bare word tells what the numbers before a comma mean: EF 70%、良好; LAD 48mm、軽度拡大."""
    if token is not None and token.kind == "severity" and after is not None:
        if state.text[token.end : after.start] not in ("", "の", "に", " "):
            return False
        token = after
    return token is not None and (
        token.kind in ("normal", "abnormal")
        or (token.kind == "attribute" and token.value in ("dilation", "hypertrophy"))
    )


def _counts(token: Token) -> bool:
    """Whether a word names a measurement by its own name, and not only beside a number."""
    return token.measure is not None and token.kind in ("measure", "quality")


def _heads(state: State, gap: str, token: Token | None) -> bool:
    """Whether a neutral name heads what follows: 右室機能: TAPSE 14mm; 拡張能 E/A 0.8."""
    if ":" in gap:
        return True
    name = state.qualities[-1]
    begins = _NUMBERED.fullmatch(state.text, 0, name[0][0].start if name[0] else name[1].start) is not None
    return begins and gap.strip() == "" and token is not None and token.measure is not None


def _opens(state: State, gap: str, token: Token | None) -> bool:
    """Whether a structure and a space begin the sentence: 左室 拡大(-) 肥大(-)."""
    follows = token is not None and (token.kind in ("attribute", "noun") or _counts(token))
    return gap.strip() == "" and follows and _NUMBERED.fullmatch(state.text, 0, state.heads[0].start) is not None


def _is_subject(state: State) -> bool:
    """Whether a structure is what an English sentence is about: The aortic valve is calcified. No stenosis."""
    head = state.heads[-1]
    return _VERB.match(state.text, head.end) is not None and (
        _SUBJECT.fullmatch(state.text, 0, state.heads[0].start) is not None
    )


def _comma(state: State, told: bool) -> None:
    """Begin a clause; ``told``: it tells what the numbers of the one before mean."""
    state.comma, state.noun = True, False
    state.traced = "" if state.traced == "clause" else state.traced
    if state.front is not None and _ENGLISH_NOUN.match(state.text, state.front.end):
        state.front = None  # a small mobile echodensity, …
    state.value_word = None
    state.denied = state.denied and not state.cued
    if state.earlier_after:
        state.earlier = state.earlier_after = False
    if state.numbered and not told:
        state.qualities, state.heads = [], []
    state.orphan = None
    state.numbered = False
