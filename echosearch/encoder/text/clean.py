"""Prepare a text for a tokenizer: in our own form, or as a published model's authors did.

A published tokenizer gets the characters that its authors' texts had. Japanese hospitals write CSVs in Windows' cp932:
of the two code points of a JIS character it is Microsoft's. American ones write ASCII.
"""

from __future__ import annotations

import html
import re

from echosearch.report.abbreviations import spell_abbreviations
from echosearch.unicode import unified

__all__ = ["as_ascii", "as_cp932", "english_words", "open_clip_clean", "own_form"]


def own_form(text: str) -> str:
    """Return the form that our own encoders read and are trained on."""
    return spell_abbreviations(unified(text))


def as_cp932(text: str) -> str:
    """Return ``text`` with the code points that Windows gives to JIS X 0208: the only ones in a cp932 file."""
    return text.translate(_WINDOWS)


def as_ascii(text: str) -> str:
    """Return ``text`` with ASCII for full-width forms, dashes, primes and quotes."""
    return text.translate(_ASCII)


def open_clip_clean(text: str) -> str:
    """Prepare a text as open_clip's tokenizers do: remove control characters, make typographic quotes plain (as ftfy
    does; its repair of broken encodings is left out), resolve HTML entities, join runs of blanks, strip the ends.
    """
    return " ".join(html.unescape(html.unescape(text.translate(_PLAIN))).split())


def english_words(text: str) -> list[str]:
    """Return the words that say what a text is about: no numbers, and no word that only binds others."""
    return [word for word in _WORD.findall(as_ascii(text)) if word.lower() not in _BINDING.split()]


_WORD = re.compile(r"[^\W\d_]+")
_BINDING = "a an the of in on at to and or with without by for from is are was were be there no not it"
_CONTROL = [*range(0x09), 0x0B, *range(0x0E, 0x20), 0x7F, *range(0x206A, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFD)]
_PLAIN = str.maketrans(
    {
        **dict.fromkeys(_CONTROL),
        **dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    }
)
_UNSEEN = [0xAD, *range(0x200B, 0x2010), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
_WINDOWS = str.maketrans(
    {
        **dict.fromkeys(_UNSEEN),
        **dict.fromkeys("\u2212\u2012\u2013", "\uff0d"),
        **dict.fromkeys("\u301c\u223c", "\uff5e"),
        "\u2011": "\u2010",
        "\u2014": "\u2015",
        "\u2016": "\u2225",
    }
)
_ASCII = str.maketrans(
    {
        **{wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)},
        **dict.fromkeys(_UNSEEN),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u301c\u223c", "~"),
        **dict.fromkeys("\u2018\u2019\u2032\u02b9\u02bc\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u2033", '"'),
        "\u3000": " ",
    }
)
