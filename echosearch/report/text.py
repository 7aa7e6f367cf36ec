"""The form in which a report, or a query, is given to a text encoder. Free of torch.

VideoEchoCLIP was trained on phrases joined with 「。」 and ended with it: 「左室拡大なし。軽度のMRあり。」 A query must
have the same form, so both go through here. The wording itself stays as written (no NFKC: each encoder's tokenizer
does what it was trained with).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echosearch.encoder.base import TextSpec

__all__ = ["model_text", "phrases"]

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
        case "phrases_ja":
            return "".join(f"{phrase}。" for phrase in phrases(text)[: spec.max_phrases])
