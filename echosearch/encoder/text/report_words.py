"""The words of a report, and those that a query asks for: MeCab's words in their dictionary form, with their places.

    呼吸困難で来院。浮腫なし。   ->   呼吸 1  困難 2  来院 4  -浮腫 6       numbers count all words; - is denied

A query's words are asked for as terms: words side by side, 呼吸+困難, so that a report on 呼吸性変動 and 評価困難 is
none on 呼吸困難. Words that say why or how somebody was examined (来院, 精査, 施行) say nothing of a study and are
no terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from echosearch.encoder.text.mecab import PlacedWord, placed_words
from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.text.sentence import sentences
from echosearch.report.facts.text.tokens import Token, tokens
from echosearch.report.facts.text.uniform import uniform
from echosearch.report.text import MAX_READ

__all__ = ["QueryTerms", "ReportWord", "Term", "places_of", "query_terms", "report_words"]

MAX_WORD = 100  # characters
MAX_TERMS = 32  # of a query
LONGEST_TERM = 8  # words; what comes after them in a row is another term
LOOSE = 4  # words of a term that may have one other word between two: 術後の癒着. Of more, all are side by side
_AFFIXES = ("接頭辞", "接尾辞")
_NOUNS = ("名詞", "形状詞", *_AFFIXES)
_BETWEEN = ("助詞", "記号", "補助記号", "空白")  # that may be between the words of a phrase
# what has somebody examined, and how; and what a query says of itself
_NO_TERMS = """
    来院 受診 精査 精密 目的 施行 評価 検査 検診 患者 症例 入院 外来 紹介 依頼 初診 再診 経過 観察 確認 適応 前 後
    今回 前回 現在 以前 内服 服用 投与 使用 留置 所見 結果 報告 レポート エコー 心エコー 超音波 有無 程度 状態 疑い 疑う
    指摘 既往 既往歴 合併 認める 検索 表示 一覧 全て お願い 見せる 教える 探す 知る 出す 示す 行う 伴う 呈する 為る 有る
    居る 成る 出来る 見る 言う 思う 来る 行く
"""
_SAYS_NO_MORE = frozenset(_NO_TERMS.split())
_KANA = re.compile("[ぁ-ゖー]")
_COMMAS = ("、", ",")
_LINKS = ("の", "や", "と", "・", "及び", "又は", *_COMMAS)  # between names that are denied together
_MARKS = ("は", "が", "も", "を")  # between the last of them and the denial
_DENIES = ("negative", "insignificant")
_EXCLUDES = ("exclude",)
# no dialysis, excluding dialysis
_AHEAD = re.compile(
    r"\b(?:(?P<denied>no|without|absence of)|excluding|except(?: for)?|other than) (?P<what>[^,;、。]+?)"
    r"(?=$|[,;、。]| (?:and|or|with|but|in|who)\b)",
    re.IGNORECASE,
)
_NO_HISTORY = re.compile("歴|既往")  # の既往がない: dropped where findings are read
_NOT = re.compile("な[しいく]|無|せず|認めず")
_ENDS = (*_DENIES, *_EXCLUDES, "positive", "suspected", "undenied", "unassessed")


@dataclass(frozen=True)
class ReportWord:
    """A word of a report; ``place`` is its number among all the words, from 1."""

    form: str
    place: int
    denied: bool  # the report says that there is none
    start: int  # code points of the text as it came, [start, end)
    end: int
    tells: bool  # False: a prefix or a suffix, which is part of terms only


@dataclass(frozen=True)
class Term:
    """Words that a query asks for together. ``denied``: it asks for their absence."""

    text: str  # as the query has them
    words: tuple[str, ...]
    denied: bool = False

    def __str__(self) -> str:
        return self.text + (" なし" if self.denied else "")

    @property
    def json(self) -> dict[str, Any]:
        return {"word": self.text, "denied": self.denied}

    @property
    def span(self) -> int:
        """How many places a word may be behind the one before."""
        return 2 if len(self.words) <= LOOSE else 1


@dataclass(frozen=True)
class QueryTerms:
    """What a query asks the words of reports for."""

    terms: tuple[Term, ...] = ()
    either: bool = False  # または: one of them is enough
    left_out: tuple[str, ...] = ()  # words that are to be excluded, which is not done

    @property
    def json(self) -> list[dict[str, Any]]:
        return [term.json for term in self.terms]


def report_words(text: str, lexicon: Lexicon) -> list[ReportWord]:
    """Return the words of a report's first MAX_READ characters, in their order."""
    made = uniform(text[:MAX_READ])
    found, number = [], 0
    for start, end in sentences(made.text):
        sentence = made.text[start:end]
        words = list(placed_words(sentence))
        denied = _before(_DENIES, sentence, words, tokens(sentence, lexicon))
        for word in words:
            number += 1
            if not (word.tells and not _is_one_kana(word)) and word.kind not in _AFFIXES:
                continue
            span = made.span(start + word.start, start + word.end)
            absent = any(a <= word.start < b for a, b in denied)
            found.append(ReportWord(word.form[:MAX_WORD], number, absent, *span, word.tells))
        number += 1  # no term goes over the end of a sentence
    return found


def query_terms(rest: str, query: str, lexicon: Lexicon, phrases: Sequence[str] = ()) -> QueryTerms:
    """Return what ``rest`` asks words for: the part of ``query`` that no rule understands.

    ``phrases`` are asked for too, each as one term: what no fact tells (左心耳血栓).
    Words of ``rest`` that are in one of them are not asked for beside it.
    """
    whole = uniform(query[:MAX_READ]).text
    absent, excluded, either = [], [], False
    for start, end in sentences(whole):
        sentence = whole[start:end]
        words, marks = list(placed_words(sentence)), tokens(sentence, lexicon, query=True)
        absent += [(start + a, start + b) for a, b in _before(_DENIES, sentence, words, marks)]
        excluded += [(start + a, start + b) for a, b in _before(_EXCLUDES, sentence, words, marks)]
        for ahead in _AHEAD.finditer(sentence):
            (absent if ahead["denied"] else excluded).append((start + ahead.start("what"), start + ahead.end()))
        either = either or any(mark.kind == "or" for mark in marks)
    found = {term.words: term for phrase in phrases if (term := _phrase_term(phrase)) is not None}
    held = [{*words} for words in found]
    left_out: list[str] = []
    at = 0
    for piece in rest[:MAX_READ].split():
        at = max(whole.find(piece, at), 0)
        for run in _runs(piece, list(placed_words(piece))):
            start, said = at + run[0].start, piece[run[0].start : run[-1].end]
            if any(a <= start < b for a, b in excluded):
                left_out.append(said)
                continue
            denied = any(a <= start < b for a, b in absent)
            term = Term(said, tuple(word.form[:MAX_WORD] for word in run), denied)
            if denied or not any({*term.words} <= words for words in held):
                found.setdefault(term.words, term)
    return QueryTerms(tuple(found.values())[:MAX_TERMS], either, tuple(left_out))


def _phrase_term(phrase: str) -> Term | None:
    """Return a phrase as one term; None if its words alone do not tell it: P2 is a letter and a number."""
    words = list(placed_words(phrase))
    said = [word for word in words if word.kind in _NOUNS and (word.tells or word.kind in _AFFIXES)]
    most = LOOSE if len(said) < len(words) else LONGEST_TERM
    if not 0 < len(said) <= most or any(word not in said and word.kind not in _BETWEEN for word in words):
        return None
    return Term(phrase, tuple(word.form[:MAX_WORD] for word in said))


def places_of(term: Term, words: Sequence[ReportWord]) -> list[tuple[int, int]]:
    """Return where a report has a term, [start, end) in its text."""
    at = {word.place: word for word in words if word.denied == term.denied}
    return [
        (at[run[0]].start, at[run[-1]].end)
        for first in at
        if at[first].form == term.words[0] and (run := _followed(term, first, at))
    ]


def _followed(term: Term, first: int, at: dict[int, ReportWord]) -> list[int]:
    """The places of all words from ``first`` on; none if one is missing."""
    run = [first]
    for form in term.words[1:]:
        near = (run[-1] + step for step in range(1, term.span + 1))
        found = next((place for place in near if place in at and at[place].form == form), None)
        if found is None:
            return []
        run.append(found)
    return run


def _runs(text: str, words: Sequence[PlacedWord]) -> Iterator[list[PlacedWord]]:
    """Words side by side that name one thing; a verb or an adjective is by itself."""
    run: list[PlacedWord] = []
    for word in words:
        beside = bool(run) and run[-1].end == word.start
        noun = word.kind in _NOUNS and (word.tells or word.kind in _AFFIXES) and word.form not in _SAYS_NO_MORE
        if noun and (beside or not run) and len(run) < LONGEST_TERM:
            run.append(word)
            continue
        yield from _trimmed(run)
        run = [word] if noun else []
        if not noun and word.tells and word.kind not in _NOUNS and word.form not in _SAYS_NO_MORE:
            yield from _trimmed([word])
    yield from _trimmed(run)


def _trimmed(run: list[PlacedWord]) -> Iterator[list[PlacedWord]]:
    """Without suffixes at its end (心筋梗塞 of 心筋梗塞後); nothing where no word of it tells anything."""
    while run and run[-1].kind == "接尾辞":
        run.pop()
    if any(word.tells and not _is_one_kana(word) for word in run):
        yield run


def _is_one_kana(word: PlacedWord) -> bool:
    return word.end - word.start == 1 and _KANA.fullmatch(word.form) is not None


def _before(
    kinds: Sequence[str], sentence: str, words: Sequence[PlacedWord], marks: Sequence[Token]
) -> list[tuple[int, int]]:
    """The parts of a sentence that a denial (or an exclusion) is about: the names before it, and bare names before a
    comma.

    浮腫 and 胸水 of 「浮腫、胸水なし」; 浮腫 alone of 「呼吸困難で来院、浮腫なし」 and of 「呼吸困難で浮腫なし」.
    """
    spans, after = [], 0
    for mark in marks:
        if mark.kind in kinds or (kinds is _DENIES and _denies_history(mark, sentence)):
            start, named = mark.start, False
            for word in reversed([word for word in words if after <= word.start and word.end <= mark.start]):
                if word.kind in _NOUNS:
                    named = True
                elif word.form not in (_LINKS if named else _MARKS):
                    break
                if word.form in _COMMAS and not _is_bare(sentence, words, after, word.start):
                    break
                start = word.start
            spans.append((start, mark.start))
        if mark.kind in _ENDS:
            after = mark.end
    return spans


def _denies_history(mark: Token, sentence: str) -> bool:
    """Whether it says that somebody never had what is named before it: 高血圧の既往なし."""
    said = sentence[mark.start : mark.end]
    return mark.kind == "drop" and _NO_HISTORY.search(said) is not None and _NOT.search(said) is not None


def _is_bare(sentence: str, words: Sequence[PlacedWord], after: int, end: int) -> bool:
    """Whether there are only names between the comma before ``end`` (or ``after``) and ``end``."""
    start = max(after, *(sentence.rfind(comma, 0, end) + 1 for comma in _COMMAS))
    return all(word.kind in _NOUNS or word.form in _LINKS for word in words if start <= word.start < end)
