"""Does a text read as something that a person wrote: the one rule by which encodings are told apart and replacements
are stopped.

A text is known when it holds a Japanese term of the list below, a Latin one where at least a third of what is not
ASCII is everyday Japanese, or any Japanese word: two neighbouring kana or kanji, where at least two thirds of what is
not ASCII is everyday Japanese (kana, punctuation, kanji of JIS level 1). Half-width kana and full-width letters count
as usual ones in terms. It is not known when it holds what a wrong encoding leaves.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["everyday_share", "is_known", "known_terms"]

_JAPANESE_TERMS = """
    なし あり ない ある した する して です ます ません 認め 及び および による 正常 異常 軽度 中等度 高度
    重度 中程度 軽微 微量 少量 多量 有意 所見 著変 良好 左室 右室 左房 右房 心房 心室 心膜 心嚢 心筋 心尖
    心機能 心拍 中隔 壁運動 収縮 拡張 肥大 拡大 低下 亢進 逆流 狭窄 閉鎖不全 僧帽弁 大動脈 三尖弁 肺動脈
    肺高血圧 貯留 血栓 疣腫 石灰化 駆出率 ドプラ ドップラ エコー カラー 波形 術後 ペースメーカ 検査 患者 長軸
    短軸 四腔 二腔 三腔 断層 断面 計測 評価 疑い 経過 前回 不良 描出 診断 結論
"""
_LATIN_TERMS = """
    EF LVEF LV RV LA RA MR AR TR PR AS MS TS PS IVC LVH LVDD LVDS IVST PWT TAPSE RVSP TRPG HOCM HCM DCM ASD VSD PFO SAM
    SEC TAVI MVP AVR MVR UCG TTE TEE PH CRT ICD
    normal abnormal mild moderate severe trivial trace none without with the and not no is of left right ventricle
    ventricular atrial atrium valve mitral aortic tricuspid pulmonary regurgitation stenosis effusion pericardial
    function systolic diastolic dilated dilation enlarged hypertrophy wall motion hypokinesis akinesis ejection
"""
_LATIN_WORDS = frozenset(_LATIN_TERMS.split())
_TERM = re.compile("|".join(sorted(_JAPANESE_TERMS.split(), key=len, reverse=True)))
_LATIN = re.compile(r"(?<![^\W_])[A-Za-z]{2,}(?![^\W_])")
# what decoding by another table leaves: UTF-8 as cp932, ISO-2022-JP without its escapes, UTF-8 as Latin-1, lost bytes
_WRECK = re.compile(r"[縺繧繝]|\$[@B](?=[!-~]{2})|\([BJI](?=[\s!-~]|$)|[ÃÂâãäåæç][\x80-\xbf]|[\ufffd\x1b]|\?{3,}")
_PAIR = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff]{2}")
_EVERYDAY_SHARE = 2 / 3
_SOME_SHARE = 1 / 3  # "EF 55±5%" is known, "\x8fd\x93x MR" is not


def is_known(text: str) -> bool:
    """Return whether ``text`` holds a known term or a Japanese word, by the rule above."""
    if _WRECK.search(text):
        return False
    if text.isascii():
        return _holds_latin_term(text)
    share = everyday_share(text)
    return (
        known_terms(text) > 0
        or (share >= _EVERYDAY_SHARE and _PAIR.search(text) is not None)
        or (share >= _SOME_SHARE and _holds_latin_term(text))
    )


def known_terms(text: str) -> int:
    """Return how many known Japanese terms ``text`` holds."""
    return len(_TERM.findall(unicodedata.normalize("NFKC", text)))


def _holds_latin_term(text: str) -> bool:
    words = _LATIN.findall(unicodedata.normalize("NFKC", text))
    return any(word in _LATIN_WORDS or word.lower() in _LATIN_WORDS for word in words)


def everyday_share(text: str) -> float:
    """Return the share of kana, punctuation and common kanji in what is not ASCII; 0.0 if all of it is ASCII."""
    foreign = [character for character in text if not character.isascii()]
    return sum(map(_everyday, foreign)) / len(foreign) if foreign else 0.0


@lru_cache(maxsize=20_000)
def _everyday(character: str) -> bool:
    """In JIS X 0208 the rows 1 to 47: symbols, letters, kana and the kanji of level 1; and row 13 of the vendors."""
    if "\uff61" <= character <= "\uff9f":
        return False
    try:
        code = character.encode("euc_jp")
    except UnicodeEncodeError:
        return character in "－～∥―￠￡￢" or "\u2460" <= character <= "\u2473" or "\u2160" <= character <= "\u216b"
    return len(code) == 2 and 0xA1 <= code[0] <= 0xCF
