"""A change that a query denies is no condition, and is left over: of MRが悪化していない the MR is there."""

from __future__ import annotations

import re

from echosearch.report.facts.query.change import BEFORE

__all__ = ["without_denied_changes"]

_CHANGED = "悪化|増悪|進行|改善|回復|軽快|軽減|減少|増加|増大|縮小|消失|退縮"
_MOVED = "低下|上昇|拡大|下降"  # findings too, where no amount is told: EFの低下なし
_AMOUNT = (
    r"(?<![\d.])\d+(?:\.\d+)?\s*(?:%|ポイント|点|mmHg|mm|cm|mL|段階|グレード)?\s*(?:以上|を?超えて?)\s*(?:の|も)?\s*"
)
_NOT_DONE = (
    r"し(?:て(?:は|も)?い)?(?:な[いくか]|ません)|せず|して(?:は|も)?(?:おら|い)(?:ず|ません)|でき(?:な[いか]|ず)"
    r"|[はがもを]?(?:認め|みられ|見られ|得られ)(?:な[いくか]|ず|ません)|[はがも]?(?:な[しいくか]|無[しい]|ありません)"
)
_DENIED = re.compile(
    rf"[がはもの]?(?:{BEFORE})? ?(?:(?:{_AMOUNT})?(?:{_CHANGED})|(?:{_AMOUNT}|{BEFORE})(?:{_MOVED}))"
    rf"(?:{_NOT_DONE})(?:った)?"
    r"|\b(?:did|does|do|has|have|had)(?: not|n't) (?:\w+ly )?(?:improved?|worsen(?:ed)?|deteriorated?|f[ae]ll(?:en)?"
    r"|drop(?:ped)?|decreased?|declined?|rise|risen|increased?|progress(?:ed)?|resolved?|disappear(?:ed)?)\b"
    r"|\b(?:no|without(?: any)?) (?:significant |further )?(?:improvement|worsening|deterioration|progression|drop|fall"
    r"|decrease|decline|rise|increase|reduction)(?: in| of)?\b",
    re.IGNORECASE,
)


def without_denied_changes(text: str) -> str:
    """Return a uniform text of the same length whose denied changes are blank; their words stay left over."""
    return _DENIED.sub(lambda found: " " * len(found[0]), text)
