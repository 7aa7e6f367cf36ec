"""Split Japanese text into words with MeCab and unidic-lite. The only place that calls MeCab.

MeCab's lattice grows with the square of a run of symbols, and it ends the process on a few hundred thousand characters:
it never sees more than AT_ONCE of them.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import fugashi
import unidic_lite  # type: ignore[import-untyped]

__all__ = ["DICTIONARY", "PlacedWord", "content_words", "installed_dictionary", "mecab_words", "placed_words"]

DICTIONARY = "unidic-lite"
AT_ONCE = 2000  # characters; no sentence of a report has as many
_UNREADABLE = re.compile("[\0\ud800-\udfff]")  # MeCab ends at a NUL, and half a surrogate pair is no UTF-8
_GAP = re.compile(r"[\s、。,;:)\]）」]")
# parts of speech that bind words, and verbs that say no more than that something is there or not
_BINDING = ("助詞", "助動詞", "補助記号", "記号", "空白", "接続詞", "感動詞", "代名詞", "連体詞", "接頭辞", "接尾辞")
_SAYS_LITTLE = """
    ある あり あっ 有り 有る ない なし 無し 無い する し さ せ いる い おり なる なっ こと もの ため よう 認め 認める
    でき できる れる られる みる 見る み 見 くる ください
"""


_LEMMA = 7  # where a word's features have its dictionary form


class PlacedWord(NamedTuple):
    """A word of a text, and what part of speech it is: [start, end) in code points of the text."""

    form: str  # its dictionary form, in small letters
    start: int
    end: int
    kind: str  # 名詞, 動詞, 助詞, 接尾辞 ...
    tells: bool  # it says what a text is about


def installed_dictionary() -> tuple[str, str]:
    """Return name and version of the dictionary."""
    return DICTIONARY, importlib.metadata.version(DICTIONARY)


@lru_cache(maxsize=1)
def _tagger() -> fugashi.GenericTagger:
    folder = unidic_lite.DICDIR
    return fugashi.GenericTagger(f'-d "{folder}" -r "{os.path.join(folder, "mecabrc")}"')


def mecab_words(text: str) -> list[str]:
    """Return the words of a text, after NFKC: 「左室拡大なし」 -> 左室 拡大 なし. No word holds a space."""
    return [part for word in _nodes(text) for part in word.surface.split()]


def content_words(text: str) -> list[str]:
    """Return the words that say what a text is about: no particles, numbers or symbols, and no 「あり」."""
    return [word.surface for word in _nodes(text) if _tells(word)]


def placed_words(text: str) -> Iterator[PlacedWord]:
    """Yield the words of a text that is in NFKC already, each with its place."""
    at = 0
    for word in _nodes(text):
        start = text.find(word.surface, at)
        if start < 0:  # NFKC changed the text once more: what cannot be placed is no word
            continue
        at = start + len(word.surface)
        yield PlacedWord(_form(word), start, at, word.feature[0], _tells(word))


def _tells(word: fugashi.fugashi.Node) -> bool:
    return (
        word.feature[0] not in _BINDING
        and word.surface not in _SAYS_LITTLE.split()
        and any(character.isalpha() for character in word.surface)
    )


def _form(word: fugashi.fugashi.Node) -> str:
    """鬱血 of うっ血 and 鬱血; a word that the dictionary lacks is itself."""
    lemma = word.feature[_LEMMA] if len(word.feature) > _LEMMA else None
    named = lemma.partition("-")[0] if lemma and lemma != "*" else ""  # コントラスト-contrast
    return unicodedata.normalize("NFKC", named or word.surface).lower()


def _nodes(text: str) -> Iterator[fugashi.fugashi.Node]:
    normal = _UNREADABLE.sub(" ", unicodedata.normalize("NFKC", text))
    for stretch in _stretches(normal):
        yield from _tagger()(stretch)


def _stretches(text: str) -> Iterator[str]:
    """Cut ``text`` into stretches of at most AT_ONCE characters, behind a blank or a sign if there is one near."""
    start = 0
    while len(text) - start > AT_ONCE:
        gaps = [found.end() for found in _GAP.finditer(text, start + AT_ONCE // 2, start + AT_ONCE)]
        end = gaps[-1] if gaps else start + AT_ONCE
        yield text[start:end]
        start = end
    yield text[start:]
