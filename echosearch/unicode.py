"""What of a string can be stored and sent on."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["as_typed", "is_text"]

# What NFKC leaves alone and a Japanese input method types.
_TYPED = str.maketrans(
    {"≧": ">=", "≦": "<=", "≥": ">=", "≤": "<=", "≠": "!=", "、": ",", "“": '"', "”": '"', "「": '"', "」": '"'}
)
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def is_text(given: str) -> bool:
    """Whether UTF-8 and PostgreSQL can hold it: what comes in another encoding comes in as lone surrogates."""
    return not _NO_TEXT.search(given)


def as_typed(text: str) -> str:
    """One form for what keyboards and devices write differently: full and half width, quotes, operators."""
    return unicodedata.normalize("NFKC", text).translate(_TYPED)
