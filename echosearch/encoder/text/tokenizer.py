"""Text to token ids. Japanese: MeCab words, then WordPiece, the same ids as transformers' BertJapaneseTokenizer
on a cl-tohoku vocabulary; English: BERT's own WordPiece through the tokenizers library.

Reports repeat their sentences, so a tokenizer remembers the sentences and words that it has seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import tokenizers
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from echosearch.encoder.base import WordCount
from echosearch.encoder.bundle.folder import TOKENIZER_FILES
from echosearch.encoder.bundle.manifest import Manifest, TokenizerSpec
from echosearch.encoder.text.clean import as_ascii, as_cp932, english_words, open_clip_clean, own_form
from echosearch.encoder.text.clip_tokenizer import (
    ClipBpe,
    EchoTemplate,
    clip_merges,
    template_phrases,
    vocabulary_lines,
)
from echosearch.encoder.text.mecab import content_words, installed_dictionary, mecab_words
from echosearch.errors import BundleError

__all__ = [
    "SPECIAL",
    "VOCABULARY",
    "NoVocabulary",
    "Tokenizer",
    "check_vocabulary_size",
    "installed_dictionary",
    "load_tokenizer",
    "mecab_words",
    "read_vocabulary",
]

VOCABULARY = "vocab.txt"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
STOP = "。"
# cut only between letters: next to another symbol MeCab may take 「。」 and the symbol as one word
_SENTENCE_END = re.compile(rf"(?<=\w{STOP})(?=\w)")
LONGEST_WORD = 100  # characters; a longer word is [UNK], as in BERT
REMEMBERED = 500  # characters; a longer sentence does not come again
# kana and Latin letters: a word that falls apart into these was never learned. An ideograph alone means something.
_SPELLED = re.compile(r"[A-Za-z\u3040-\u30ff]{2,}")
# MecabWordPiece's cleaning by TokenizerSpec.clean: (now, in TEXT_FORM 1)
_JAPANESE: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "none": (own_form, str),
    "open_clip": (lambda text: open_clip_clean(as_cp932(text)), open_clip_clean),
}


class Tokenizer(Protocol):
    """Text to token ids, deterministic; id 0 is padding, and never part of a text."""

    @property
    def vocabulary_size(self) -> int: ...

    def encode(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        """Return the ids of each text, [CLS] ... [SEP], at most ``max_tokens``, not padded."""
        ...

    def known_words(self, text: str) -> WordCount:
        """Count the words of ``text`` that the vocabulary knows."""
        ...

    def respells(self, text: str) -> bool:
        """Return True if the tokens are of other characters than in TEXT_FORM 1 (report/text.py)."""
        ...


def load_tokenizer(folder: Path, spec: TokenizerSpec) -> Tokenizer:
    """Load a bundle's tokenizer/ folder. Raises BundleError if the files or the dictionary differ from the spec."""
    file = folder / TOKENIZER_FILES[spec.kind]
    match spec.kind:
        case "clip_bpe":
            return ClipBpe(clip_merges(file))
        case "echo_template":
            return EchoTemplate(template_phrases(file))
        case "mecab_wordpiece":
            if (spec.dictionary, spec.dictionary_version) != installed_dictionary():
                raise BundleError(
                    f"this encoder's token ids come from {spec.dictionary} {spec.dictionary_version}, here is "
                    f"{' '.join(installed_dictionary())}: install the version that the bundle names"
                )
            return MecabWordPiece(read_vocabulary(file), spec.lower_case, spec.clean)
        case "bert_wordpiece":
            return BertWordPiece(read_vocabulary(file), spec.lower_case)
        case "absent":
            return NoVocabulary()


def check_vocabulary_size(where: Path, tokenizer: Tokenizer, manifest: Manifest) -> None:
    """Compare the vocabulary with the text tower. Raises BundleError if they differ in the number of tokens."""
    found, wanted = tokenizer.vocabulary_size, manifest.text.tower.vocabulary
    # EchoCLIP-R's phrases are fewer than the places its authors made for them
    spare = manifest.tokenizer.kind == "echo_template"
    if found != wanted and not (spare and found < wanted):
        raise BundleError(
            f"{where} has {found} tokens, {manifest.name} has {wanted}: this is another model's vocabulary"
        )


class NoVocabulary:
    """The tokenizer of an encoder that was imported without its vocabulary."""

    vocabulary_size = 0

    def encode(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        """Raise BundleError, always."""
        raise BundleError(
            "this encoder was imported without its vocabulary, so it reads videos and no text: "
            "import it again with --tokenizer"
        )

    def known_words(self, text: str) -> WordCount:
        return WordCount(0, 0)

    def respells(self, text: str) -> bool:
        return False


def read_vocabulary(file: Path) -> list[str]:
    """Read one token a line. Raises BundleError if the file is missing, too large, or no BERT vocabulary."""
    tokens = vocabulary_lines(file, "a vocabulary, one token a line in UTF-8,")
    if len(set(tokens)) < len(tokens):
        first: dict[str, int] = {}
        line = next(n for n, token in enumerate(tokens, 1) if first.setdefault(token, n) != n)
        raise BundleError(f"{file}, line {line}: the token is in line {first[tokens[line - 1]]} already")
    missing = [token for token in SPECIAL if token not in tokens]
    if missing or tokens[0] != "[PAD]":
        raise BundleError(f"{file} is no BERT vocabulary: its first line must be [PAD]; missing: {missing or 'none'}")
    return tokens


class MecabWordPiece:
    def __init__(self, vocabulary: Sequence[str], lower_case: bool, clean: str) -> None:
        self._ids = {token: i for i, token in enumerate(vocabulary)}
        self._form, self._first_form = _JAPANESE[clean]
        # one that was trained on reports as Windows converts them knows the wave dash as a tilde
        self._wave = "〜" if "〜" in self._ids else "~"
        self._unknown, self._first, self._last = (self._ids[token] for token in SPECIAL[1:4])
        self._lower_case = lower_case
        self._sentence = lru_cache(maxsize=100_000)(self._sentence_ids)
        self._word = lru_cache(maxsize=100_000)(self._word_ids)
        self._phrase = lru_cache(maxsize=100_000)(self._cleaned)
        self._respelt = lru_cache(maxsize=100_000)(self._reads_otherwise)

    @property
    def vocabulary_size(self) -> int:
        return len(self._ids)

    def encode(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        return [[self._first, *self._ids_of(text)[: max_tokens - 2], self._last] for text in texts]

    def _ids_of(self, text: str) -> Sequence[int]:
        return self._phrase(text) if len(text) <= REMEMBERED else self._cleaned(text)

    def _cleaned(self, text: str) -> tuple[int, ...]:
        return tuple(self._text(self._clean(text)))

    def _clean(self, text: str) -> str:
        return self._form(text).replace("〜", self._wave)

    def known_words(self, text: str) -> WordCount:
        words = content_words(self._clean(text))
        known = sum(self._knows(word) for word in words)
        return WordCount(known, len(words) - known)

    def _knows(self, word: str) -> bool:
        ids = self._word(word)
        return self._unknown not in ids and not (len(ids) == len(word) and _SPELLED.fullmatch(word))

    def respells(self, text: str) -> bool:
        return self._respelt(text) if len(text) <= REMEMBERED else self._reads_otherwise(text)

    def _reads_otherwise(self, text: str) -> bool:
        return _nfkc(self._clean(text)) != _nfkc(self._first_form(text))

    def _text(self, text: str) -> list[int]:
        """Sentence by sentence, each remembered.

        MeCab weighs a word against its neighbours, so a sentence is read with the 「。」 before it: between two
        「。」 nothing outside matters (tests/encoder/text/test_tokenizer.py holds this to reading the text at once).
        """
        ids: list[int] = []
        before = ""
        for sentence in _SENTENCE_END.split(_nfkc(text)):
            ids += (self._sentence if len(sentence) <= REMEMBERED else self._sentence_ids)(before, sentence)
            before = STOP
        return ids

    def _sentence_ids(self, before: str, sentence: str) -> tuple[int, ...]:
        words = mecab_words(before + sentence)
        return tuple(i for word in words[len(before) :] for i in self._word(word))

    def _word_ids(self, word: str) -> tuple[int, ...]:
        """Greedy longest match first; a word with a part that matches nothing is one [UNK]."""
        if self._lower_case:
            word = word.lower()
        if len(word) > LONGEST_WORD:
            return (self._unknown,)
        ids: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                found = self._ids.get(prefix + word[start:end])
                if found is not None:
                    ids.append(found)
                    start = end
                    break
            else:
                return (self._unknown,)
        return tuple(ids)


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


class BertWordPiece:
    def __init__(self, vocabulary: Sequence[str], lower_case: bool) -> None:
        ids = {token: i for i, token in enumerate(vocabulary)}
        self._tokenizer = BertWordPieceTokenizer(ids, lowercase=lower_case)

    @property
    def vocabulary_size(self) -> int:
        size: int = self._tokenizer.get_vocab_size()
        return size

    def encode(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        self._tokenizer.enable_truncation(max_length=max_tokens)
        found: list[tokenizers.Encoding] = self._tokenizer.encode_batch([as_ascii(text) for text in texts])
        return [encoding.ids for encoding in found]

    def known_words(self, text: str) -> WordCount:
        words = english_words(text)
        known = sum(self._knows(word) for word in words)
        return WordCount(known, len(words) - known)

    def _knows(self, word: str) -> bool:
        tokens = self._tokenizer.encode(word, add_special_tokens=False).tokens
        return "[UNK]" not in tokens and not 1 < len(tokens) == len(word)

    def respells(self, text: str) -> bool:
        return as_ascii(text) != text
