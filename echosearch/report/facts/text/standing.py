"""The senses that a word has where it stands: abbreviations inside words, people, words in small letters."""

from __future__ import annotations

import re
from collections.abc import Callable

from echosearch.report.facts.lexicon.lexicon import Sense

__all__ = ["standing"]

_LETTER = re.compile("[A-Za-z]")
_BOUNDARY = re.compile(r"[\s、。,.;:()\[\]/・)]|$|[はがもをでにとの]")
_METHOD = re.compile(r"[23]d ?$|(?:cm2|ml|%) ?\($")
_HEAVY = re.compile(r"(?:es)? ?(?:index|ind\b)|[ :=(]*\d+(?:\.\d+)? ?g\b")  # LV mass 180 g: no tumour
_HOLLOW = re.compile("[腔房室心]$|[LR][AV]$")
_HIRAGANA = re.compile("[らつもなしっれけわきりいえん]")
_ENGLISH_WORDS = {"as", "ie", "map", "tap", "sec", "ms", "ring", "lead", "leads", "epic"}
_ENGLISH = re.compile(r"[a-z]{2,}")
_SMALL = _ENGLISH_WORDS | {"pe", "tr", "ar", "ai", "mac", "sam"}
_GRADE_WORDS = ("mild", "trivial", "trace", "moderate", "severe")
_GRADE_BESIDE = re.compile(r" (?:trivial|trace|mild|moderate|severe)\b(?! as\b)")
_NAME = re.compile(  # Mr Jones: no valve
    r"\.?\s+(?!(?:Mild|Mod|Sev|Triv|Trace|No|None|Not|Is|Was|With|Present|Absent|Grade|Jet|And|Or|Due|Seen)(?![a-z])"
    r"|Mildly|Moderate|Severe|Trivial)(?:[A-Z](?:[a-z.]|$)|(?!MILD|MOD|SEV|TRIV)[A-Z]{4})|\.? (?:and|&) Mrs"
)
_TITLES = ("Dr ", "Dr. ", "Mrs ", "Mrs. ", "Prof ", "Prof. ")
_PERSON = ("さん", "くん", "ちゃん", "氏", "殿")
# PI is the pulmonary valve's regurgitation beside a grade or under its valve, else for an index
_PI_BEFORE = re.compile(
    r"(?:\b(?:no|without|significant|trivial|trace|minimal|mild|mod(?:erate)?|severe|physiologic(?:al)?|or|and)"
    r"|[TAM][IR]/|(?:軽度|中等度|高度|微量|わずか)の?) ?$"
    r"|\b(?:PV|pulmon(?:ic|ary) valve|[TAM][IR])\b[^.。\n]*$|肺動脈弁[^。\n]*$",
    re.IGNORECASE,
)
_SPEED = re.compile(r"[\s=:は約]*(?:\d+(?:\.\d+)?\s*m/s|$)")
_OF_FILLING = re.compile(r"(?:[EA]波?|[eas]'|LVOT|TR|PV|PA|静脈)[\s:-]*\Z")
_INDEX = re.compile(r"[ :=]*\d")
_PI_AFTER = re.compile(
    r"[ :(=]*(?:no\b|none|trivial|trace|minimal|mild|mod|severe|軽|中等|高度|微|わずか|なし|\([-+±]\))", re.IGNORECASE
)


def standing(
    senses: tuple[Sense, ...], sentence: str, low: str, start: int, end: int, query: bool
) -> tuple[Sense, ...]:
    """Return the senses that a word has where it stands: an abbreviation inside another word has none."""
    if _inside_a_word(sentence, low, start, end):
        return ()
    word = low[start:end]
    if word in (_ENGLISH_WORDS if query else _SMALL) and sentence[start:end].islower():
        if _is_milliseconds(low, start, end):
            return ()
        if query and _GRADE_BESIDE.match(low, end):
            return senses  # as severe
        if _ENGLISH.search(low, max(0, start - 12), start) or _ENGLISH.match(low, end + 1):
            return ()
    if _names_a_person(sentence, start, end):
        return ()
    otherwise = _OTHERWISE.get(word)
    if otherwise is not None and otherwise(sentence, low, start, end):
        return ()
    if low.startswith(("内シャント", "内短絡"), start) and _HOLLOW.search(sentence, max(0, start - 2), start):
        return ()  # 心房内短絡: of no artery and vein
    if (len(senses) > 1 or senses[0].bounded) and any(sense.bounded for sense in senses):
        bounded = _BOUNDARY.match(sentence, end) is not None
        senses = tuple(sense for sense in senses if not sense.bounded or bounded)
    return senses


def _inside_a_word(sentence: str, low: str, start: int, end: int) -> bool:
    """Whether letters go on before or behind it: none of MRmild, TAVIs/o, EFMR is one word."""
    if start > 0 and _LETTER.match(sentence, start) and _LETTER.match(sentence, start - 1):
        before_is_upper = sentence[start - 1].isupper()
        glued = before_is_upper and low.startswith(_GRADE_WORDS, start)  # MRmild
        begins = not before_is_upper and sentence[start - 1].islower() and sentence[start].isupper()
        if not glued and not begins and low[start:end] != "s/o":
            return True
    if end < len(sentence) and _LETTER.match(sentence, end) and _LETTER.match(sentence, end - 1):
        apart = sentence[end - 1].islower() and sentence[end].isupper()
        return not apart and not low.startswith((*_GRADE_WORDS, "s/o"), end)
    return False


def _is_milliseconds(low: str, start: int, end: int) -> bool:
    """Whether ms is a unit, no mitral stenosis: 240ms, 240 ms."""
    after_a_digit = start and (low[start - 1].isdigit() or low[max(0, start - 2) : start - 1].isdigit())
    return low[start:end] == "ms" and bool(after_a_digit)


def _names_a_person(sentence: str, start: int, end: int) -> bool:
    """Whether it is part of a name: Mr Jones, ASさん, Dr AS Kumar."""
    if sentence[start:end] in ("Mr", "Ms") and _NAME.match(sentence, end):
        return True
    titled = start > 0 and sentence.endswith(_TITLES, 0, start)
    return end - start <= 3 and (sentence.startswith(_PERSON, end) or titled)


def _is_an_index(sentence: str, low: str, start: int, end: int) -> bool:
    """Whether PI is a pulsatility index, no pulmonary regurgitation; alone it is a regurgitation."""
    if low.strip() == "pi":
        return False
    told = _PI_BEFORE.search(sentence, max(0, start - 80), start) or _PI_AFTER.match(sentence, end)
    return not told or not sentence[start:end].isupper() or _INDEX.match(sentence, end) is not None


def _is_another_peak(sentence: str, low: str, start: int, end: int) -> bool:
    """Whether a peak is of no jet: peak 4.3m/s is, E波 peak is not."""
    return not _SPEED.match(low, end) or _OF_FILLING.search(sentence, 0, start) is not None


def _is_a_method(_sentence: str, low: str, start: int, _end: int) -> bool:
    """Whether a trace is how something was measured: 2Dトレース, 1.0cm2(trace)."""
    return _METHOD.search(low, max(0, start - 6), start) is not None


def _is_of_a_valve(sentence: str, _low: str, start: int, _end: int) -> bool:
    """Whether a thrombus closes a prosthesis, and no false lumen: 人工弁の血栓閉塞."""
    return sentence.endswith(("弁", "弁の", "弁に", "弁は"), 0, start)


_OTHERWISE: dict[str, Callable[[str, str, int, int], bool]] = {  # a word: whether it is none where it stands
    "pi": _is_an_index,
    "peak": _is_another_peak,
    "a": lambda sentence, _low, start, _end: sentence[start] == "a",  # a PFO: no A wave
    "血栓閉塞": _is_of_a_valve,
    "血栓閉鎖": _is_of_a_valve,
    "non": lambda sentence, _low, _start, end: sentence.startswith("-", end),  # non-obstructive
    "mod": lambda sentence, _low, start, end: sentence[start:end] == "MOD",  # EF(MOD): the method of discs, no grade
    "mass": lambda _sentence, low, _start, end: _HEAVY.match(low, end) is not None,
    "トレース": _is_a_method,
    "trace": _is_a_method,
    "か": lambda _sentence, low, _start, end: _HIRAGANA.match(low, end) is not None,  # から, かつ: no or
}
