"""Abbreviations of the echo laboratory in the spelling that reports use: mr and Mr are MR."""

from __future__ import annotations

import re

__all__ = ["spell_abbreviations"]

_KNOWN = """
    MR AR TR PR MS AS TS PS MVP MAC SAM EF LVEF FS FAC LV RV LA RA LVH RVH LAE RAE LVOT RVOT LVOTO IVS IVSd IVST PWd PWT
    LVPW LVDd LVDs LVIDd LVIDs LVEDV LVESV LAD LAV LAVI AoD DcT TRPG TRPV RVSP PASP AVA MVA TAPSE GLS IVC SVC PFO ASD
    VSD PDA HCM HOCM DCM RWMA PH PE MI AVR MVR TVR TAVI TAVR CABG PCI ICD CRT PM WNL mmHg
"""
_SPELLED = {known.lower(): known for known in _KNOWN.split()}
_WORDS = {"as", "la", "ra", "pa", "ps", "pe", "pm", "ms", "mi", "mac", "sam"}  # of English or French too
_LATIN = re.compile(r"(?<![A-Za-z'])[A-Za-z]{2,5}(?![A-Za-z'])")
_LETTER_AHEAD = re.compile(r"\s+[A-Za-z]{2}")
_LETTER_BEHIND = re.compile(r"[A-Za-z]{2}\s+\Z")


def spell_abbreviations(text: str) -> str:
    """Return ``text`` with its abbreviations in the usual case. One that is also a word ("as") is left where it stands
    between Latin words.

    「重度mr、lvef 35%」 -> 「重度MR、LVEF 35%」
    """

    def spelled(found: re.Match[str]) -> str:
        word = found[0]
        known = _SPELLED.get(word.lower())
        if known is None or known == word:
            return word
        start, end = found.span()
        if word.lower() in _WORDS and (
            _LETTER_AHEAD.match(text, end) or _LETTER_BEHIND.search(text, max(0, start - 8), start)
        ):
            return word
        return known

    return _LATIN.sub(spelled, text)
