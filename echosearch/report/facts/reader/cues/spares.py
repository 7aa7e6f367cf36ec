"""Findings that a cue reaches and says nothing of: MVR弁の動揺なし denies no valve, リード接触が疑われる no lead."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["of_a_cause", "spares"]

_PLAIN = re.compile(r"(?:[\s:はがもをの(、]|存在|所見|留置|植込み|明らか|に|疑(?:う|わせる)|示唆(?:する)?)*")
_AFTER = re.compile("(?:手?術|留置|植え?込み|施行)*後")  # TAVI後でない, of a query
_AT_IT = re.compile(r"(?:に|の)[^、の]{2,}|感染(?:症|\([A-Z]+\))?の?")
_OTHER_SIDE = re.compile(r"[、,。\s](?:左|右|対側|反対側)側?(?:には|は|:)?\s*$")
# what is doubted is that it is the cause, or what it does
_CAUSE = re.compile(
    r"(?:の?(?:接触|干渉|影響|圧迫|刺激|存在|関与)|[、自体その]|(?:の)?(?:合併|進行|増悪|上昇|拡大))*"
    r"(?:に(?:よる|より|よって|伴う|伴い|起因(?:する|し)?|続発(?:する|し)?|関連(?:する|し)?)|が原因|のため|の影響)"
    r"(?:[^、。]{0,6}(?:もの|影響|結果))?(?:で(?:ある)?)?(?:と|が|か)?"
)
_DOES = re.compile(
    r"の?(?:[一-龠]{1,6}[的性]?(?:な|の)?)?(?:接触|干渉|影響|圧迫|刺激|関与|損傷|穿孔|癒着|断線|偏位|逸脱|感染)[がはものを]?(?:強く)?"
)
_DUE = re.compile(
    r"\s*(?:is |be )?(?:(?:due|secondary|related|attributable|owing) to|caused by|because of)\b", re.IGNORECASE
)


def spares(state: State, token: Token, kind: str, mention: Mention, last: bool) -> bool:
    """Return whether a cue says nothing of a finding it reaches; ``last``: no other stands between them."""
    text, begin = state.text, token.start
    implant = mention.finding.implant
    if implant and kind in ("negative", "unassessed") and last and mention.link != "strong":
        asked = state.query and _AFTER.fullmatch(text, mention.end, begin)
        return not _PLAIN.fullmatch(text, mention.end, begin) and not asked
    if kind in ("suspected", "undenied"):
        return _not_doubted(state, token, mention)
    if kind != "negative":
        return False
    if token.rule in ("grade.negative", "grade.sign") and mention.cues[-1:] == ["positive"]:
        return True  # 胸水: 右(+)、左(-)
    stated = bool(mention.cues) or mention.graded
    return stated and _OTHER_SIDE.search(text, mention.end, begin) is not None  # 右胸水少量、左はなし


def of_a_cause(state: State, token: Token) -> bool:
    """Return whether a doubt is about what follows as a cause: TR, possibly due to the lead. What is before stays."""
    if not _DUE.match(state.text, token.end):
        return False
    state.close()
    state.supposed = True
    return True


def _not_doubted(state: State, token: Token, mention: Mention) -> bool:
    """Whether a doubt speaks of what a finding does, of what it is the cause of, or of its likeness."""
    text, begin = state.text, token.start
    if text[begin] == "様" and mention.end < begin:
        return True  # 肥厚し、granular sparkling様
    if mention.finding.implant and (
        _AT_IT.match(text, mention.end, begin) or _DOES.fullmatch(text, mention.end, begin)
    ):
        return True  # 人工弁にpannusを疑う, リード干渉が疑われる
    if not mention.finding.concept or not _CAUSE.fullmatch(text, mention.end, begin):
        return False
    return mention.seen or any(m.finding == mention.finding and m is not mention for m in state.mentions)
