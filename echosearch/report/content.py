"""Which phrases of a report matter most: what is kept where an encoder cannot read them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

__all__ = ["keep_most_telling", "rank_of_phrase"]

_GRAVE = re.compile(
    r"重度|高度|重症|大量|多量|著明|著し|緊急|至急|破裂|解離|血栓|疣|腫瘤|粘液腫|タンポナーデ|穿孔|断裂|severe|massive|critical|"
    r"thromb|vegetation|tamponade|rupture|dissection",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    r"なし|無し|ない|なく|認めず|みられず|見られず|指摘できず|正常|良好|異常無|陰性|著変|[(（][-\u2212ー－][)）]|"
    r"\b(?:no|not|none|without|normal|unremarkable|absent)\b",
    re.IGNORECASE,
)
_DOUBTED = re.compile(
    r"否定でき(?:ない|ず)|ないとは|除外でき(?:ない|ず)|cannot be (?:excluded|ruled out)", re.IGNORECASE
)
_FOUND = re.compile(
    r"あり|有り|認め|疑|低下|拡大|拡張|肥大|肥厚|狭窄|逆流|不全|異常|貯留|術後|人工|無収縮|mild|moderate|regurg|stenosis|dilat|"
    r"hypertroph|effusion|kines|reduced|abnormal|dysfunction",
    re.IGNORECASE,
)
_MEASURED = re.compile(r"\d")
_WORD = re.compile(r"[^\W_]")


def rank_of_phrase(phrase: str) -> int:
    """Return 0 for a grave finding, 1 for another, 2 for a statement that nothing is wrong, 3 for a measurement alone,
    4 for what holds no word."""
    if not _WORD.search(phrase):
        return 4
    absent = bool(_NOTHING.search(phrase)) and not _DOUBTED.search(phrase)
    if _GRAVE.search(phrase) and not absent:
        return 0
    if absent:
        return 2
    return 3 if _MEASURED.search(phrase) and not _FOUND.search(phrase) else 1


def keep_most_telling(phrases: Sequence[str], cost: Callable[[str], int], budget: int, most: int) -> list[str]:
    """Return the phrases that matter most, in their order: at most ``most``, of a total cost of at most ``budget``. Of
    equals the first ones. Those without a word are left out."""
    kept: list[int] = []
    for number in sorted(range(len(phrases)), key=lambda i: (rank_of_phrase(phrases[i]), i)):
        if len(kept) == most or rank_of_phrase(phrases[number]) == 4:
            break
        needed = cost(phrases[number])
        if needed <= budget:
            kept.append(number)
            budget -= needed
    return [phrases[number] for number in sorted(kept)]
