"""How a report is typed: digits and katakana of either width, Roman numerals, brackets, headings, line ends."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

__all__ = ["TypingHabit"]

# each half-width katakana with the sign that it is a form of (PS: U+FF66 to U+FF9D); voiced ones are two characters
_NARROW = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF66, 0xFF9E)} | {
    "\u3099": "\uff9e",
    "\u309a": "\uff9f",
}
_WIDE = {ord(sign): chr(ord(sign) + 0xFEE0) for sign in "0123456789%"}
_BRACKETS = str.maketrans("()", "（）")
_ROMAN = (("III", "Ⅲ"), ("II", "Ⅱ"), ("IV", "Ⅳ"), ("I", "Ⅰ"))


@dataclass(frozen=True)
class TypingHabit:
    """A report's typing habit: the same throughout, as one person types it."""

    wide_digits: bool = False
    narrow_katakana: bool = False
    roman_signs: bool = False  # Ⅲ度 rather than III度
    wide_brackets: bool = False
    heading: str = "【{}】"
    between: str = "。"  # statements of a section
    end: str = "。"  # of a section

    @classmethod
    def drawn(cls, rng: np.random.Generator, between: tuple[str, ...]) -> TypingHabit:
        """Draw a habit with statements separated by one of ``between``; only whole sentences have wide brackets."""
        wide, narrow, roman, brackets = (bool(rng.random() < share) for share in (0.15, 0.12, 0.5, 0.5))
        heading = str(rng.choice(["【{}】", "[{}] ", "{}："]))
        sentences = between == ("。",)
        end = str(rng.choice(["。", "。\n"] if sentences else ["\n", "。\n"]))
        return cls(wide, narrow, roman, brackets and sentences, heading, str(rng.choice(between)), end)

    def typed(self, text: str) -> str:
        """Return the text as this habit types it; NFKC makes all habits alike but for brackets of headings."""
        if self.roman_signs:
            for letters, sign in _ROMAN:
                text = text.replace(f"{letters}度", f"{sign}度").replace(f"{letters}〜", f"{sign}〜")
        if self.wide_digits:
            text = text.translate(_WIDE)
        if self.wide_brackets:
            text = text.translate(_BRACKETS)
        if self.narrow_katakana:
            text = "".join(_narrow(sign) for sign in text)
        return text


def _narrow(sign: str) -> str:
    if not "ァ" <= sign <= "ー":
        return sign
    return "".join(_NARROW.get(part, part) for part in unicodedata.normalize("NFD", sign))
