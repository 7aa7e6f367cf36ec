"""Words of a report that were typed in kana half-way: ぎゃく流, 狭さく, 軽ど, うたがい."""

from __future__ import annotations

import re

__all__ = ["KANA", "spelled"]

_SPELLED = {
    "ぎゃく流": "逆流",
    "逆りゅう": "逆流",
    "狭さく": "狭窄",
    "閉そく": "閉塞",
    "そく栓": "塞栓",
    "血せん": "血栓",
    "逸だつ": "逸脱",
    "し緩異": "弛緩異",
    "し緩障": "弛緩障",
    "肥こう": "肥厚",
    "かく大": "拡大",
    "石かい化": "石灰化",
    "へん平": "扁平",
    "けん索": "腱索",
    "断れつ": "断裂",
    "短らく": "短絡",
    "欠そん": "欠損",
    "せん孔": "穿孔",
    "僧ぼう弁": "僧帽弁",
    "動脈りゅう": "動脈瘤",
    "室りゅう": "室瘤",
    "腫りゅう": "腫瘤",
    "ゆう腫": "疣腫",
    "ゆう贅": "疣贅",
    "疣ぜい": "疣贅",
    "軽ど": "軽度",
    "高ど": "高度",
    "中等ど": "中等度",
    "中とう度": "中等度",
    "うたがい": "疑い",
    "うたがう": "疑う",
    "うたがわ": "疑わ",
    "すこし": "少し",
    "いじょう": "以上",
    "いか": "以下",
    "みまん": "未満",
}
_BEHIND_AN_AMOUNT = "(?<=[0-9%度症a-z])"
_WHOLE = {
    "かく大": "(?<![にかわみ])かく大(?!動|き)",  # とにかく大動脈弁は: no dilation
    "いじょう": _BEHIND_AN_AMOUNT + "いじょう",
    "いか": _BEHIND_AN_AMOUNT + "いか(?=[のでを、,。 ]|$)",
    "みまん": _BEHIND_AN_AMOUNT + "みまん",
}
KANA = re.compile("|".join(_WHOLE.get(word, word) for word in _SPELLED))


def spelled(text: str, origin: tuple[int, ...] | range) -> tuple[str, tuple[int, ...]]:
    """Return a text in the lexicon's spelling, and where each character came from; one more entry ends it."""
    parts: list[str] = []
    kept: list[int] = []
    last = 0
    for match in KANA.finditer(text):
        word = _SPELLED[match[0]]
        dropped = match.end() - match.start() - len(word)
        parts += [text[last : match.start()], word]
        kept += origin[last : match.start() + 1]
        kept += origin[match.start() + 1 + dropped : match.end()]
        last = match.end()
    return "".join(parts) + text[last:], (*kept, *origin[last:])
