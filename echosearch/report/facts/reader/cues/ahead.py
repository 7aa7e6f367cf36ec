"""Cues that stand before what they speak of: no MR, s/o IE, possible thrombus; あり: MR / なし: AS, AR."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.state import FORMING, State
from echosearch.report.facts.text.tokens import Token

__all__ = ["listed", "of_unknown", "speak_before", "stands_before"]

_HEADS = re.compile(r"\s*:")
_SITE = (
    r"(?:(?:Rt|Lt|R|L|右|左|両)側?\.?|[AMTP]V|(?:人工|大動脈|僧帽|三尖|肺動脈)弁位?|L[AV]A?|R[AV]"
    r"|[左右]心?[房室]|左?心耳|心尖部?)"
)
_SIGN = r"\s*:?\s*(?:\([-+±]\)|[-+±]|なし|あり)"
# 疣贅: AV(-) MV(: each sign has its site, and nothing else is named between
_SITED = re.compile(rf"\s*[:は]?\s*\(?\s*(?:{_SITE}{_SIGN}[\s、,/・]*)+{_SITE}\s*:?\s*")
_ASCII = re.compile(r"[\x20-\x7e]+")
_ADJECTIVES = re.compile(r" (?:[a-z-]+ ){1,3}", re.IGNORECASE)
_LIST = re.compile(
    r"(?: [a-z-]+){1,4}(?:, ?[a-z -]+){1,8}?,? (?:or|nor) [a-z]", re.IGNORECASE
)  # no abscess, mass or clot
# no abscess, vegetation: a list without "or" if what no rule knows of it is a lesion
_LESIONS = re.compile(
    r"(?: (?:[a-z-]+ )?(?:abscess(?:es)?|fistulas?|perforations?|pseudoaneurysms?|mass(?:es)?|clots?|dehiscence),)+ ?",
    re.IGNORECASE,
)
_BARE = re.compile(r"\s*(?:\Z|[.,;])")  # nothing is said of it: no abscess, MR mild
_OF_WHAT_FOLLOWS = re.compile("(?:with|of|for)$")
_UNKNOWN_CAUSE = re.compile(
    r" (?:an? |the )?(?:conduction|pacing|paced|post|prior|previous|cardiac surgery|LBBB|bundle)", re.IGNORECASE
)


def stands_before(state: State, found: list[Token], index: int) -> bool:
    """Return whether a cue speaks of what follows: no MR, s/o IE, possible thrombus."""
    token = found[index]
    words = state.text[token.start : token.end]
    following = found[index + 1] if index + 1 < len(found) else None
    if token.before:
        return following is not None and _reaches(state, token, following)
    if token.kind != "suspected" or not _ASCII.fullmatch(words):
        return False
    if words.endswith("with") and _UNKNOWN_CAUSE.match(state.text, token.end):
        return True  # consistent with conduction delay
    if following is None:
        return False
    if following.kind not in FORMING and following.kind not in ("severity", "grade", "bare_grade"):
        return False
    if _OF_WHAT_FOLLOWS.search(words):
        return True
    last = state.last_open
    near = last is not None and not state.comma and state.text[last.end : token.start].strip(" (") == ""
    between = state.text[token.end : following.start]
    if last is None and _ADJECTIVES.fullmatch(between):
        return True  # Possible intracardiac thrombus
    return not near and between.strip(" ") == ""


def _reaches(state: State, token: Token, following: Token) -> bool:
    """Whether a cue is said of what follows: behind a comma only in a list, whose first is then unknown."""
    if "," not in state.text[token.end : following.start]:
        return True
    listed = _LIST.match(state.text, token.end)
    if listed is not None and following.start < listed.end():
        return True
    bare = following.kind == "finding" and _BARE.match(state.text, following.end) is not None
    return bare and _LESIONS.fullmatch(state.text, token.end, following.start) is not None


def speak_before(state: State, kind: str) -> None:
    """Open a list that a cue before it denies or suspects."""
    if state.cued or state.group:
        state.close()
    if kind == "negative":
        state.denied = True
    else:
        state.suspected = True


def of_unknown(state: State, token: Token) -> bool:
    """Return whether what follows is no finding: consistent with conduction delay."""
    return _UNKNOWN_CAUSE.match(state.text, token.end) is not None


def listed(state: State, token: Token, kind: str) -> bool:
    """Read あり: and なし: as heads of lists, and (+) at one of several places as there: 疣贅: AV(-) MV(+)."""
    if kind in ("negative", "positive") and _announces(state, token):
        state.close()
        state.denied = kind == "negative"
        return True
    return token.rule in ("grade.positive", "grade.sign") and kind == "positive" and _at_another(state, token)


def _announces(state: State, token: Token) -> bool:
    if not _HEADS.match(state.text, token.end):
        return False
    before = state.text[: token.start].rstrip(" ")
    told = not state.group or state.cued or state.group[-1].graded or before[-1:] == "/"
    return told and (before == "" or before[-1] in "/、,)・]" or len(before) < token.start)


def _at_another(state: State, token: Token) -> bool:
    last = state.last_open
    if last is None or set(last.cues) != {"negative"} or not _SITED.fullmatch(state.text, last.end, token.start):
        return False
    last.cues[:] = ["positive"]
    state.settle()
    state.cued, state.cue_end = True, token.end
    return True
