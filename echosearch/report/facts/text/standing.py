"""The senses that a word has where it stands: abbreviations inside words, people, words in small letters."""

from __future__ import annotations

import re

from echosearch.report.facts.lexicon.lexicon import Sense

__all__ = ["standing"]

_LETTER = re.compile("[A-Za-z]")
_BOUNDARY = re.compile(r"[\s、。,.;:()\[\]/・)]|$|[はがもをでにとの]")
_METHOD = re.compile(r"[23]d ?$|(?:cm2|ml|%) ?\($")
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


def standing(  # noqa: C901 - each rule takes away a sense, in order
    senses: tuple[Sense, ...], sentence: str, low: str, start: int, end: int, query: bool
) -> tuple[Sense, ...]:
    """Return the senses that a word has where it stands: an abbreviation inside another word has none."""
    inside = start > 0 and _LETTER.match(sentence, start) and _LETTER.match(sentence, start - 1)
    glued = inside and sentence[start - 1].isupper() and low.startswith(_GRADE_WORDS, start)  # MRmild
    if (
        inside
        and not glued
        and low[start:end] != "s/o"
        and not (sentence[start - 1].islower() and sentence[start].isupper())
    ):
        return ()
    if end < len(sentence) and _LETTER.match(sentence, end) and _LETTER.match(sentence, end - 1):
        apart = sentence[end - 1].islower() and sentence[end].isupper()
        if not apart and not low.startswith((*_GRADE_WORDS, "s/o"), end):
            return ()
    if low[start:end] in (_ENGLISH_WORDS if query else _SMALL) and sentence[start:end].islower():
        if (
            low[start:end] == "ms"
            and start
            and (low[start - 1].isdigit() or low[max(0, start - 2) : start - 1].isdigit())
        ):
            return ()
        if query and _GRADE_BESIDE.match(low, end):
            return senses  # as severe
        if _ENGLISH.search(low, max(0, start - 12), start) or _ENGLISH.match(low, end + 1):
            return ()
    if sentence[start:end] in ("Mr", "Ms") and _NAME.match(sentence, end):
        return ()
    if end - start <= 3 and (sentence.startswith(_PERSON, end) or (start and sentence.endswith(_TITLES, 0, start))):
        return ()  # ASさん, Dr AS Kumar
    if low[start:end] == "pi" and low.strip() != "pi":
        told = _PI_BEFORE.search(sentence, max(0, start - 80), start) or _PI_AFTER.match(sentence, end)
        if not told or not sentence[start:end].isupper() or _INDEX.match(sentence, end):
            return ()
    if low[start:end] == "peak" and (not _SPEED.match(low, end) or _OF_FILLING.search(sentence, 0, start)):
        return ()  # peak 4.3m/s, and no peak of another kind
    if sentence[start:end] == "a":
        return ()  # a PFO: no A wave
    if low.startswith(("内シャント", "内短絡"), start) and _HOLLOW.search(sentence, max(0, start - 2), start):
        return ()  # 心房内短絡: of no artery and vein
    if low[start:end] in ("血栓閉塞", "血栓閉鎖") and sentence.endswith(("弁", "弁の", "弁に", "弁は"), 0, start):
        return ()  # 人工弁の血栓閉塞: of no false lumen
    if low[start:end] == "non" and sentence.startswith("-", end):
        return ()  # non-obstructive
    if sentence[start:end] == "MOD":
        return ()  # EF(MOD): the method of discs, no grade
    if low[start:end] in ("トレース", "trace") and _METHOD.search(low, max(0, start - 6), start):
        return ()  # 2Dトレース, 1.0cm2(trace): a method, no trace of something
    if low[start:end] == "か" and _HIRAGANA.match(sentence, end):
        return ()  # から, かつ: no or
    if (len(senses) > 1 or senses[0].bounded) and any(sense.bounded for sense in senses):
        bounded = _BOUNDARY.match(sentence, end) is not None
        senses = tuple(sense for sense in senses if not sense.bounded or bounded)
    return senses
