"""The form in which a report, or a query, is given to a text encoder. Free of torch.

VideoEchoCLIP was trained on phrases joined with 「。」 and ended with it: 「左室拡大なし。軽度のMRあり。」 A query must
have the same form, so both go through here. The characters stay as written: each tokenizer begins with its own cleaning
(encoder/text/clean.py), which is the same for reports, queries and training.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from echosearch.report.content import keep_most_telling

__all__ = [
    "MAX_READ",
    "TEXT_FORM",
    "WORD_FORM",
    "TextSpec",
    "language_warning",
    "model_text",
    "model_texts",
    "phrases",
    "readable_phrases",
    "sliced",
    "split_sentences",
]

# How texts become tokens, as stored with a report's vector: one of an older form is embedded again where its tokens are
# others now. 1: characters as written (NFKC), cut at max_phrases and max_tokens. 2: one code point for each character,
# one case for each abbreviation; long texts whole, or their most telling phrases. 3: ideographs for radicals, and ゛ as
# part of the kana before it.
TEXT_FORM = 3
# The form of the words that are stored of a report (encoder/text/report_words.py); another number makes them anew.
WORD_FORM = 1
MAX_READ = 20_000  # characters of one text that any encoder reads
LONGEST = 2_000  # characters of a phrase; a longer one is taken apart


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TextSpec:
    """The text half of an encoder's contract; ClipSpec (clip.py) is the other half."""

    language: Literal["ja", "en"] = "ja"
    max_tokens: int = 256
    max_phrases: int = 35
    # "phrases_ja": phrases split at 、。 commas and lines, joined with 「。」 and ended with it; "as_is": untouched;
    # "each_phrase_ja": the same phrases, each read by itself, and the mean of their vectors (encoder/text/phrases.py)
    format: Literal["phrases_ja", "each_phrase_ja", "as_is"] = "phrases_ja"


_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]")  # kana, ideographs, half-width kana
# 。 ｡ ； ; and line ends always part phrases; 、 ､ ， , only when not inside a number (1,200 or １，２００)
_BREAK = re.compile(r"[。｡；;\r\n\v\f\x85\u2028\u2029]+|(?<!\d)[、､，,]|[、､，,](?!\d)")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?=\s)|(?<=[\n。！？])")
_GAP = re.compile(r"[\s。、,;:)）」]")


def phrases(text: str) -> list[str]:
    """Return the phrases of a report in their order, none empty.

    「左室拡大なし、EF 55.5%。BNP 1,200」  ->  左室拡大なし / EF 55.5% / BNP 1,200
    """
    return [phrase for part in _BREAK.split(text) if (phrase := part.strip())]


def split_sentences(text: str) -> list[str]:
    """Return the sentences and lines of a text, each with what ends it; none empty."""
    return [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]


def sliced(phrase: str, length: int) -> list[str]:
    """Cut ``phrase`` into pieces of at most ``length`` characters, at a blank or a sign where one is near."""
    pieces = []
    while len(phrase) > length:
        gaps = [found.end() for found in _GAP.finditer(phrase, length // 2, length)]
        end = gaps[-1] if gaps else length
        pieces.append(phrase[:end].strip())
        phrase = phrase[end:]
    return [piece for piece in (*pieces, phrase.strip()) if piece]


def readable_phrases(text: str) -> tuple[list[str], int]:
    """Return the phrases of a text that encoders read, and how many are left out: of a text of more than MAX_READ
    characters the most telling ones."""
    said = [piece for phrase in phrases(text) for piece in sliced(phrase, LONGEST)]
    if sum(map(len, said)) <= MAX_READ:
        return said, 0
    kept = keep_most_telling(said, len, MAX_READ, len(said))
    return kept, len(said) - len(kept)


def model_text(text: str, spec: TextSpec) -> str:
    """Return ``text`` in the form that the encoder with ``spec`` wants; "" stays ""."""
    match spec.format:
        case "as_is":
            return text
        case "phrases_ja" | "each_phrase_ja":
            return "".join(f"{phrase}。" for phrase in phrases(text)[: spec.max_phrases])


def model_texts(text: str, spec: TextSpec) -> list[str]:
    """Return what the encoder reads one by one, to mean their vectors: one text, or its phrases; never none."""
    if spec.format == "each_phrase_ja":
        return [f"{phrase}。" for phrase in phrases(text)[: spec.max_phrases]] or [""]
    return [model_text(text, spec)]


def language_warning(text: str, spec: TextSpec) -> str | None:
    """Return one line where the encoder does not read the language of ``text``; None where it does."""
    japanese = bool(_JAPANESE.search(text))
    if spec.language == "en" and japanese:
        return "the encoder in use reads English only: a Japanese query gets vectors that mean nothing; ask in English"
    if spec.language == "ja" and text.strip() and not japanese and len(text.split()) >= 3:
        return (
            "the encoder in use was trained on Japanese reports: an English sentence may find little; ask in Japanese"
        )
    return None
