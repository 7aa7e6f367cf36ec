"""A sentence cut into the lexicon's words, numbers and graded marks: longest word first, one pass, linear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from echosearch.report.facts.lexicon.lexicon import Lexicon, Sense
from echosearch.report.facts.text.number import OF_FOUR, Number, grade_at, number_at, skipped_at
from echosearch.report.facts.text.standing import standing

__all__ = ["Token", "tokens", "widened"]

_PRIMARY = (
    *(
        "skip",
        "finding",
        "exclude",
        "undenied",
        "insignificant",
        "unassessed",
        "poor",
        "change",
        "recalled",
        "noun",
        "drop",
    ),
    *("negative", "any", "or", "and", "suspected", "treated", "normal", "quality", "attribute", "abnormal", "severity"),
    *("structure", "region", "diffuse", "positive", "measure", "measure_vetoed"),
)
_RANK = {kind: rank for rank, kind in enumerate(_PRIMARY)}
_LEAD = frozenset("0123456789.IV+-±([<>=!SGgグCcNnRHPKATED#平令昭第")
_BARE_SIGN = re.compile(
    r"[ ]?(?:(-)|(\+))(?=[\s、。,;・)/]|$)"
    r"(?!\s+(?:mild|mod|sev|triv|trace|軽|中等|高度|重|微|ごく|わずか|少量|[1-4I]))",
    re.IGNORECASE,
)  # MR - mild: a dash
_BARE_GRADE = re.compile(r"\s*[:(]\s*([1-4])(?:\)|(?=\s*(?:[、。]|$|[A-Z]{2}[\s:(])))")  # MR(2), MR: 1 TR: 2
_NONE = re.compile(r"0(?:度|°|/(?:[34]|I{3}|IV))?(?=[\s、。,;)・]|$)")  # AR 0: the grade of none
_LONE = re.compile(r"[-+](?!/-)(?!\d)")
_LISTED_SIGN = re.compile(r"[-+±](?:\s*/\s*[-+±]|[\s、。,;)]|$)")
_SIDE = re.compile(r"[\s、,/(:は]*(?:Rt|Lt|R|L|右|左|両)側?\.?\s*")
_IS = re.compile(r"\s*[=:]\s*")
_RUN = 8
_OF_SIGN = ("finding", "quality", "attribute", "abnormal")
_TRACE = re.compile(r"[ :=(は]+(tr)(?=[\s、,。)~/-]|$)")  # MR tr: a trace of it
_REFERENCE = re.compile(r"\s*:?\s*[<>=~]*\s*\d")
_AGO = re.compile(
    r"(?:\d{1,2}|半|数|[一二三])(?:年|[ヶかカヵケ]月|週間?|日)前"
    r"(?:(?=と比|に比)|(より|から|と(?:ほぼ|概ね|大きく|特に)?(?:変わら(?:ず|ない)|変わりな[いく]|同様|同程度|同じ|同等|著変な[しく])[のにで]?)|[のはに]?)"
)  # 1年前と変わらず軽度: today
_AGO_LEAD = frozenset("0123456789半数一二三")
_SPECIAL = (
    frozenset("t1234") | _AGO_LEAD | frozenset("".join(_LEAD).lower())
)  # what a mark may begin with, in lower case
_AFTER_OPERATOR = re.compile(
    r"\s*(?:(以上|(?:or|and) (?:more|greater|worse|higher|above|over))"
    r"|(以下|(?:or|and) (?:less|milder|lower|better|below|under))|(未満)"
    r"|(を?(?:超え|こえ|上回)る?|より(?:重い|強い|重度|高度)))"
)


class Token(NamedTuple):
    """One word or mark: its kind, its meaning, and where it is in its sentence."""

    kind: str
    value: Any
    start: int
    end: int
    rule: str
    before: bool = False
    measure: str | None = None  # a measurement that the word may name besides
    region: bool = False  # a region of the wall, besides


def tokens(sentence: str, lexicon: Lexicon, query: bool = False) -> list[Token]:
    """Return all tokens of a sentence, in order. What no rule knows is passed over."""
    return list(_tokens(sentence, lexicon, query))


def _tokens(sentence: str, lexicon: Lexicon, query: bool) -> Iterator[Token]:
    low = sentence.lower()
    if len(low) != len(sentence):  # one character's lower case is two: İ
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in sentence)
    last: Token | None = None
    at, end = 0, len(sentence)
    while at < end:
        char = low[at]
        if at > _RUN and char == low[at - 1] and low[at - _RUN : at].count(char) == _RUN:
            at += 1  # a line of dashes says nothing, and a megabyte of them costs nothing
            continue
        found = _special(sentence, char, at, last) if char in _SPECIAL else None
        found = found or _word(sentence, low, at, lexicon, query)
        if found is None:
            at += 1
        else:
            yield found
            at, last = found.end, found


def _special(sentence: str, char: str, at: int, last: Token | None) -> Token | None:
    """Read what no lexicon holds: a bare grade behind a finding, a time ago, a number, a sign."""
    if last is not None and last.kind == "finding" and char in "t1234" and (grade := _bare_grade(sentence, at, last)):
        return grade
    if char in _AGO_LEAD and (match := _AGO.match(sentence, at)):
        return Token("skip" if match[1] else "earlier", None, at, match.end(), "historical.ago")
    return _mark(sentence, at, last) if sentence[at] in _LEAD else None


def _bare_grade(sentence: str, at: int, finding: Token) -> Token | None:
    """Read a grade that only its place tells: MR tr, MR: 1 TR: 2."""
    if match := _TRACE.match(sentence, finding.end):
        return Token("severity", (1, 1), match.start(1), match.end(), "severity.trivial")
    match = _BARE_GRADE.match(sentence, finding.end) if finding.value.group == "valve" else None
    if match is None or match.start(1) != at:
        return None
    return Token("severity", OF_FOUR[int(match[1])], at, at + 1, "grade.digit")


def _word(sentence: str, low: str, at: int, lexicon: Lexicon, query: bool) -> Token | None:
    """Read the longest word of the lexicon that begins here, in the senses that it has where it stands."""
    for length in lexicon.lengths.get(low[at : at + 2]) or lexicon.lengths.get(low[at], ()):
        word = low[at : at + length]
        senses = lexicon.words.get(word)
        if query and word in lexicon.query_words:
            senses = (*lexicon.query_words[word], *(senses or ()))
        if senses and len(word) == length and (senses := standing(senses, sentence, low, at, at + length, query)):
            return _token(senses, sentence, at, at + length)
    return None


def _token(senses: tuple[Sense, ...], sentence: str, start: int, end: int) -> Token:
    first = min(senses, key=lambda sense: _RANK.get(sense.kind, 50)) if len(senses) > 1 else senses[0]
    measure = next((sense.value for sense in senses if sense.kind == "measure"), None)
    region = any(sense.kind == "region" for sense in senses)
    value = first.value
    if (
        first.kind == "normal"
        and _REFERENCE.match(sentence, end)
        and (sentence[start - 1] == "(" or sentence[end] == ":")
    ):
        return Token("skip", None, start, end, "number.reference")  # EF 47%(正常値 52~72)
    if first.kind == "severity":
        value, end = widened(value, sentence, end)
    return Token(first.kind, value, start, end, first.rule, first.before, measure, region)


def widened(grade: tuple[int, int], sentence: str, end: int) -> tuple[tuple[int, int], int]:
    """Return a grade with the 以上, 以下, 未満 behind it, and its end: 中等度以上 is [3, 4]."""
    low, high = grade
    match = _AFTER_OPERATOR.match(sentence, end)
    if match is None:
        return grade, end
    if match[1]:
        return (low, 4), match.end()
    if match[2]:
        return (0, high), match.end()
    if match[3]:
        return (0, max(low - 1, 0)), match.end()
    return (min(high + 1, 4), 4), match.end()


def _sign(sentence: str, at: int, last: Token | None) -> Token | None:
    """Read a sign without brackets behind what it is about: MR +, AR 0, AS/AR = -/±."""
    char = sentence[at]
    if last is None or char not in "+-±0":
        return None
    between = sentence[last.end : at]
    if char == "0":
        match = _NONE.match(sentence, at) if last.kind == "finding" and between.strip(" :(") == "" else None
        return match and Token("negative", None, at, match.end(), "grade.sign")
    sided = last.kind == "finding" or last.rule == "grade.sign"  # 胸水(Rt+、Lt-)
    if sided and char in "+-" and _SIDE.fullmatch(between) and _LISTED_SIGN.match(sentence, at):
        return Token("positive" if char == "+" else "negative", None, at, at + 1, "grade.sign")
    if _LISTED_SIGN.match(sentence, at) and (
        (last.kind == "finding" and _IS.fullmatch(between)) or (last.kind == "and" and sentence[last.start] == "/")
    ):
        kind = {"+": "positive", "-": "negative"}.get(char, "severity")
        return Token(kind, (1, 1) if kind == "severity" else None, at, at + 1, "grade.sign")
    named = char != "±" and _LONE.match(sentence, at) and last.kind in _OF_SIGN and between.strip(" :") == ""
    if named and (match := _BARE_SIGN.match(sentence, at)):
        return Token("negative" if match[1] else "positive", None, at, match.end(), "grade.sign")
    return None


def _mark(sentence: str, at: int, last: Token | None) -> Token | None:
    """A number with its unit, a grade such as III度 or 2+, or a sign such as (-)."""
    char = sentence[at]
    if (sign := _sign(sentence, at, last)) is not None:
        return sign
    if char in "+-" and (char == "-" or sentence[at - 1 : at] == "+") and _LONE.match(sentence, at):
        return None
    if char == "2" and sentence[at - 1 : at] == "m" and not sentence[at + 1 : at + 2].isdigit():
        return None  # LAVI(mL/m2) 44
    if char.isascii() and char.isalpha() and at and sentence[at - 1].isascii() and sentence[at - 1].isalpha():
        return None
    if (end := skipped_at(sentence, at)) is not None:
        return Token("skip", None, at, end, "number.skipped")
    if (grade := grade_at(sentence, at)) is not None:
        kind, value, end = grade
        if isinstance(value, tuple):
            value, end = widened(value, sentence, end)
        return Token(kind, value, at, end, f"grade.{kind}")
    number: Number | None = number_at(sentence, at)
    if number is not None:
        return Token("number", number, at, number.end, "number")
    return None
