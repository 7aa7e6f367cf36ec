"""Identifiers as spreadsheets leave them: read where it is certain what they were, else refused with the rule.

="0001"   '0001   "0001"   1,234,567   123.0   ０００１      read
1.23E+11  =A1  #N/A  2月1日                                 refused: what was there is lost
nan   None   NULL                                           refused: a program wrote that there is none
"""

from __future__ import annotations

import re

from echosearch.video import MAX_IDENTIFIER

__all__ = ["read_identifier", "unwrapped"]

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_UNSEEN = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x200E, 0x200F))  # zero width: a copy out of a page
_FORMULA_TEXT = re.compile(r'=\s*(?:T\s*\(\s*)?"((?:[^"]|"")*)"\s*\)?')
_QUOTED = re.compile(
    r"""(?:"([^"]*)"|'([^']*)'|[\u201c\u201f]([^\u201d]*)\u201d|[\u2018\u201b]([^\u2019]*)\u2019|「([^」]*)」)"""
)
_SCIENTIFIC = re.compile(r"[-+]?(?:\d(?:[.,]\d+)?[Ee][-+]\d{1,3}|\d[.,]\d+[Ee]\d{1,3})")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.0+)?")
_FLOAT = re.compile(r"\d+\.0+")
_ERROR = re.compile(r"#{2,}|#(?:N/A|VALUE!|REF!|NAME\?|DIV/0!|NUM!|NULL!)", re.IGNORECASE)
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DAY = re.compile(
    rf"\d{{1,2}}月\d{{1,2}}日|\d{{1,2}}-(?:{_MONTHS})(?:-\d{{2,4}})?|(?:{_MONTHS})-\d{{1,2}}", re.IGNORECASE
)
_FORMULA = re.compile("=.*", re.DOTALL)
_NOTHING = re.compile(r"nan|none|null|nat|<na>|n/a|\(null\)|undefined", re.IGNORECASE)
_EXACT_DIGITS = 15  # of a number that a spreadsheet keeps
_AS_TEXT = "export the column as text"
_LOST = (
    (_SCIENTIFIC, f"a spreadsheet rewrote this identifier as a number: {_AS_TEXT}"),
    (_FORMULA, f"a formula stands in place of the identifier: {_AS_TEXT}"),
    (_ERROR, f"a spreadsheet's error value stands in place of the identifier: {_AS_TEXT}"),
    (_DAY, f"a spreadsheet rewrote this identifier as a date: {_AS_TEXT}"),
    (_NOTHING, "a program's word for nothing stands in place of the identifier: leave the cell empty"),
)


def read_identifier(cell: str, uid: bool = False) -> str:
    """Return the identifier that a cell holds. Raises ValueError with the rule it breaks, never with the cell itself.

    ``uid``: a DICOM UID, which has dots of its own and no separators.
    """
    plain = cell.replace(".", "").isdigit() if uid else cell.isalnum() and not cell.isalpha()
    if cell.isascii() and len(cell) <= MAX_IDENTIFIER and plain:
        return cell  # nearly all: nothing below concerns them
    text = unwrapped(cell).translate(_WIDE).strip()
    if "\n" in text or "\r" in text:
        raise ValueError("an identifier with a line break: check the quotes of this row")
    if len(text) > MAX_IDENTIFIER:
        raise ValueError(f"an identifier of {len(text):,} characters: at most {MAX_IDENTIFIER} are read")
    for lost, what in _LOST:
        if lost.fullmatch(text):
            raise ValueError(what)
    if uid:
        return text
    if _THOUSANDS.fullmatch(text) or _FLOAT.fullmatch(text):
        digits = text.partition(".")[0].replace(",", "")
        if len(digits) > _EXACT_DIGITS:
            raise ValueError(f"a spreadsheet keeps {_EXACT_DIGITS} digits of a number, the rest is lost: {_AS_TEXT}")
        return digits
    return text


def unwrapped(cell: str) -> str:
    """Return a cell without blanks around it, quotes around it, and what spreadsheets are told by that it is text."""
    text = cell.translate(_UNSEEN).strip()
    while text:
        bare = text.translate(_WIDE) if text[0] in "＝＇＂" else text
        if match := _FORMULA_TEXT.fullmatch(bare):
            text = match[1].replace('""', '"').strip()
        elif match := _QUOTED.fullmatch(bare):
            text = next(part for part in match.groups() if part is not None).strip()
        elif bare[0] in "'\u2018\u2019`":
            text = bare[1:].strip()
        else:
            break
    return text
