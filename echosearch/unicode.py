"""What of a string can be stored, sent on and shown; one form for characters that differ only by who typed them."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["UNSEEN", "as_typed", "holds_parts", "is_text", "unified", "utf8_text", "visible", "whole_characters"]

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\u2500\u2501\ufe58\ufe63\uff0d"
_WAVES = "\u301c\uff5e\u223c\u223f\u02dc~"
_PRIMES = "\u2032\u2018\u2019\u201b\u02b9\u02bc\u00b4\uff07`\uff40"
_DOUBLE = "\u2033\u201c\u201d\u201f\u02ba\uff02"
# no ink: zero-width marks, a soft hyphen, the variation selectors that a Mac puts behind an ideograph
_INKLESS = [
    0xAD,
    *range(0x200B, 0x2010),
    *range(0x2060, 0x2065),
    0xFEFF,
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
]
# Radicals that a copy out of a PDF has in place of ideographs, those that NFKC leaves apart (Unicode's
# EquivalentUnifiedIdeograph.txt), and voicing marks of a width of their own: ト゛フ゜ラ, made of ﾄﾞﾌﾟﾗ sign by sign.
_PARTS = re.compile("[\u2e80-\u2ef3゛゜]")
_RADICALS = str.maketrans(
    "⺝⺠⺧⺩⺫⺬⺶⺼⻁⻄⻆⻑⻗⻘⻝⻣⻤⻨⻩⻫⻭⻯⻲", "月民牛王目示羊肉虎西角長雨青食骨鬼麦黄斉歯竜亀"
)
_VOICED = re.compile("(?<=[うか-とは-ほウカ-トハ-ホｳｶ-ﾄﾊ-ﾎ])゛|(?<=[は-ほハ-ホﾊ-ﾎ])゜")
_JOINING = {"゛": "\u3099", "゜": "\u309a"}
_BEFORE = str.maketrans(
    {
        **dict.fromkeys(_INKLESS),
        **dict.fromkeys(_DASHES, "-"),
        **dict.fromkeys(_WAVES, "\u301c"),
        **dict.fromkeys(_PRIMES, "'"),
        **dict.fromkeys(_DOUBLE, '"'),
        "\u2225": "\u2016",  # 1-34 of JIS X 0208: two code points by who converted it, as 1-29, 1-33 and 1-61 above
    }
)
_AFTER = str.maketrans({"\u2044": "/", "\u2215": "/"})  # NFKC makes 1, U+2044, 2 of a half
# a prolonged sound mark that no kana or letter touches is a minus: (ー), but neither カテーテル nor あー
_LONE_MARK = re.compile(r"(?<![^\W\d_])ー+(?![^\W\d_])")
# What NFKC leaves alone and a Japanese input method types.
_TYPED = str.maketrans(
    {
        "≧": ">=",
        "≦": "<=",
        "≥": ">=",
        "≤": "<=",
        "≠": "!=",
        "、": ",",
        "“": '"',
        "”": '"',
        "「": '"',
        "」": '"',
        "〜": "~",
    }
)
_ISO_2022 = re.compile(rb"\x1b[$(]|[\x0e\x0f]")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

# What a terminal or an editor obeys instead of showing it: control characters (C0 but the tab, C1), the marks that turn
# the direction of text, what has no width, line and paragraph separators, lone surrogates. Unicode's Cc, Cf, Zl, Zp, Cs
# and the letters that are blank.
UNSEEN = re.compile(
    "[\0-\x08\n-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def is_text(given: str) -> bool:
    """Return whether UTF-8 and PostgreSQL can hold it: what comes in another encoding comes in as lone surrogates."""
    return not _NO_TEXT.search(given)


def utf8_text(data: bytes) -> str:
    """Decode UTF-8, with a byte order mark or without.

    Raises UnicodeDecodeError, also for ISO-2022-JP: its bytes are all ASCII, but no text in UTF-8 has its escapes.
    """
    text = data.decode("utf-8-sig")
    if foreign := _ISO_2022.search(data):
        raise UnicodeDecodeError("utf-8", data, *foreign.span(), "an escape or shift of ISO-2022-JP")
    return text


def holds_parts(text: str) -> bool:
    """Return whether ``text`` may hold radicals or voicing marks that ``whole_characters`` changes."""
    return bool(_PARTS.search(text))


def whole_characters(text: str) -> str:
    """Return ``text``, no longer and no shorter, with ideographs for radicals and with joining voicing marks."""
    if not holds_parts(text):
        return text
    return _VOICED.sub(lambda found: _JOINING[found[0]], text.translate(_RADICALS))


def unified(text: str) -> str:
    """Return ``text`` with one code point for each character, whoever typed or converted it.

    NFKC, and what NFKC leaves apart: dashes and minus signs become "-", wave dashes and tildes 「〜」, primes and
    apostrophes "'", double quotes '"'; a ー that stands alone is a minus; marks without ink are left out; radicals are
    ideographs, and a ゛ behind a kana is part of it. Applied twice, it changes nothing more.
    """
    normal = unicodedata.normalize("NFKC", whole_characters(text.translate(_BEFORE))).translate(_AFTER)
    return _LONE_MARK.sub(lambda found: "-" * len(found[0]), normal)


def as_typed(text: str) -> str:
    """Return one form for what keyboards and devices write differently: width, dashes, quotes, operators."""
    return unified(text).translate(_TYPED)


def visible(text: str) -> str:
    """Return ``text`` with each character escaped that steers a terminal or is invisible; line breaks too."""
    return UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
