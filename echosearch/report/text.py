"""The form in which a report, or a query, is given to a text encoder. Free of torch.

VideoEchoCLIP was trained on phrases joined with 「。」 and ended with it: 「左室拡大なし。軽度のMRあり。」 A query must
have the same form, so both go through here. The wording itself stays as written (no NFKC: each encoder's tokenizer
does what it was trained with).
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

__all__ = ["TextSpec", "language_warning", "model_text", "model_texts", "phrases"]


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


def phrases(text: str) -> list[str]:
    """The phrases of a report in their order, none empty.

    「左室拡大なし、EF 55.5%。BNP 1,200」  ->  左室拡大なし / EF 55.5% / BNP 1,200
    """
    return [phrase for part in _BREAK.split(text) if (phrase := part.strip())]


def model_text(text: str, spec: TextSpec) -> str:
    """``text`` in the form that the encoder with ``spec`` wants; "" stays ""."""
    match spec.format:
        case "as_is":
            return text
        case "phrases_ja" | "each_phrase_ja":
            return "".join(f"{phrase}。" for phrase in phrases(text)[: spec.max_phrases])


def model_texts(text: str, spec: TextSpec) -> list[str]:
    """What the encoder with ``spec`` reads one by one, to mean their vectors: one text, or its phrases; never none."""
    if spec.format == "each_phrase_ja":
        return [f"{phrase}。" for phrase in phrases(text)[: spec.max_phrases]] or [""]
    return [model_text(text, spec)]


def language_warning(text: str, spec: TextSpec) -> str | None:
    """One line where the encoder does not read the language of ``text``; None where it does."""
    japanese = bool(_JAPANESE.search(text))
    if spec.language == "en" and japanese:
        return "the encoder in use reads English only: a Japanese query gets vectors that mean nothing; ask in English"
    if spec.language == "ja" and text.strip() and not japanese and len(text.split()) >= 3:
        return (
            "the encoder in use was trained on Japanese reports: an English sentence may find little; ask in Japanese"
        )
    return None
