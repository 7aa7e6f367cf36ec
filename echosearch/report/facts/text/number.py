"""Numbers and graded marks: 40~45%, 4.8cm, III/IV, 2+, Sellers II, (-), (+), and what only looks like one."""

from __future__ import annotations

import re
from typing import NamedTuple

from echosearch.report.facts.lexicon.lexicon import Measure

__all__ = ["OF_FOUR", "Number", "Reading", "grade_at", "number_at", "read_number", "skipped_at"]

# years and days, ages, counts, classes of other scales
_SKIPPED = re.compile(
    r"(?:19|20)\d\d(?:\s*[/.年-]\s*\d{1,2}(?!\d|\.\d|\s*(?:%|[mc]m|m[lL/]))(?:\s*[/.月-]\s*\d{1,2}日?|月)?|年度?)"
    r"|(?:令和|平成|昭和|[RHS])(?:元|\d{1,2})(?:年(?:\d{1,2}月(?:\d{1,2}日)?)?|[./]\d{1,2}(?:[./]\d{1,2})?)"
    r"|第\s?\d{1,3}(?:病日|回|日|週|肋間|子)?|\d{1,2}月(?:\d{1,2}日)?|\d{1,2}年|\d{1,3}(?:歳|才|代|ヶ月|か月|カ月|週|日目|日|回|枚|例|個|本|心拍|拍平均|bpm|/min|/分|拍|kg|mg|Fr|弁|割)"
    r"|[2-5] ?(?:D|ch|CH|chamber)(?![A-Za-z])"
    r"|(?:NYHA|CCS|ASA|ECOG|PS|Killip|TIMI|Stanford|DeBakey)\s*(?:PS)?\s*[-:=]?\s*(?:class|分類"
    r"|クラス)?\s*(?:I{1,3}V?|IV|[0-5])[AaBb]?(?:度|群|型)?(?![\d+.%]|[a-z])"
    r"|(?:I{1,3}|[123])度\s*(?:房室|AV)\s*ブロック|[123]度\s*AVB|II[aAp]|S[34](?![a-zA-Z字])"
    r"|#\s*\d{1,2}|(?<=[回日時年月])\(\d{1,2}/\d{1,2}\)|\((?![1-4]/[34]\))\d{1,2}/\d{1,2}\)|n\s*=\s*\d+|III音|IV音",
)
_G = r"(?:I{1,3}V?|IV|[1-4])"
_SEP = r"\s*(?:[-~]|から|ないし|/|・|、)\s*"
_TOP = r"(?:IV|III|[34])"
_GRADES = (
    re.compile(
        rf"(?:Sellers|sellers|SELLERS|[Gg]rade|GRADE|グレード|[Gg]r\.?|class"
        rf"|クラス)\s*[-:]?\s*(?P<a>{_G})(?:度|°)?(?:\s*[-~]\s*(?P<b>{_G})(?:度|°)?)?(?:\s*/\s*(?P<top>{_TOP}))?(?![\d.])"
    ),
    re.compile(
        rf"(?P<a>{_G})\s*(?:度|°)?\s*(?:[-~]|から|ないし)\s*(?P<b>{_G})\s*/\s*(?P<top>{_TOP})(?:度|°)?(?![\d.])"
    ),
    re.compile(rf"(?P<a>{_G})\s*(?:度|°|\+)?\s*(?:[-~]|から|ないし|から)\s*(?P<b>{_G})\s*(?:度|°|\+)"),
    re.compile(rf"(?P<a>{_G})\s*(?:度|°)?\s*/\s*(?P<top>{_TOP})(?:度|°)?(?![\d.]|\s*(?:mm|cm))"),
    re.compile(rf"(?P<a>{_G})\s*(?:度|°|\+)"),
)
_BARE = re.compile(r"(?P<a>I{1,3}|IV)(?:\s*[-~]\s*(?P<b>I{1,3}V?|IV))?(?=[\s、。,)→]|$)(?!\s*(?:型|音|群|誘導))")
_SIGN = re.compile(r"[(\[]\s*(?P<in>-|ー|一|0|\+{1,4}|\+\s*[-/]\s*-?|±|[1-4]\+?)\s*[)\]]|(?P<out>\+{2,4}|±|\+/-)")
_SPOKEN = {"ミリ": "mm", "センチ": "cm", "パーセント": "%", "percent": "%"}
_VALUES = {"I": 1, "II": 2, "III": 3, "IV": 4, "IIII": 4}
OF_FOUR = {1: (2, 2), 2: (3, 3), 3: (3, 4), 4: (4, 4)}
_OF_THREE = {1: (2, 2), 2: (3, 3), 3: (4, 4)}

_PLAIN = r"\d+(?:\.\d+)?|\.\d+"
_UNIT = (
    r"%(?!FS)|mmHg|Torr|m(?:m|M)\s?Hg|[mc]m\^?2?/m\^?2|mm\^?2|cm\^?2|mL/m\^?2|ml/m\^?2|cm/s(?:ec)?|m/s(?:ec|)|msec|mm|cm|mL|ml"
    r"|cc|ms|sec|s(?![a-z])|ミリ|センチ|パーセント|percent"
)
_NUMBER = re.compile(
    rf"(?:(?P<lead><=|>=|!=|<|>|=)\s*)?(?P<sign>[-+])?(?P<a>{_PLAIN})\s*(?P<ua>{_UNIT})?"
    rf"(?:\s*(?P<sep>[-~]|から|ないし|to)\s*(?P<b>{_PLAIN})\s*(?P<ub>{_UNIT})?(?![\d.]))?"
    rf"\s*(?P<tail>以上|以下|未満|を?(?:超え|こえ|上回)る?|超|より(?:大き|高|上|広|多|速|厚)[いく]?|を?(?:下回|切)る?|より(?:小さ|低|下|狭|少な"
    rf"|遅|薄)[いく]?|台|ではない|でない|or (?:more|greater|higher|above)|or (?:less|lower|below))?"
    r"(?P<neg>では?な[いく])?",
    re.IGNORECASE,
)
_TO = re.compile(
    r"\s*(?:に|へ(?!認め|みられ|見られ)|まで[^、。]{0,2}(?:低下|改善|上昇|回復|縮小|拡大|増加|減少|下が|上が|下降|戻)"
    r"|とな(?:った|り(?!ます))|と(?:改善|上昇|増加|回復))"
)
# 入院時の32%から44%
_OF_BEFORE = re.compile(
    r"(?:術前|前回|昨年|去年|入院時|退院時|初回|以前|前医|[療与年月週間入み始]前)(?:値|時)?の\s*約?$"
)
_TAILS = (
    ("以上", ">="),
    ("以下", "<="),
    ("未満", "<"),
    ("超", ">"),
    ("こえ", ">"),
    ("上回", ">"),
    ("下回", "<"),
    ("切", "<"),
)
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_LARGER, _SMALLER = "大高上広多速厚", "小低下狭少遅薄"


class Number(NamedTuple):
    """A number as it stands: one value or a range, its unit in lower case, and a comparison where there is one."""

    low: float
    high: float | None
    unit: str | None
    op: str | None
    start: int
    end: int


class Reading(NamedTuple):
    """A number read as a measurement, in its unit."""

    value: float
    high: float | None


def skipped_at(text: str, at: int) -> int | None:
    """Return the end of a date, an age, a count or another scale's class that begins here, or None."""
    if at and text[at - 1].isascii() and (text[at - 1].isalnum() or text[at - 1] == "."):
        return None
    match = _SKIPPED.match(text, at)
    return match.end() if match else None


def grade_at(text: str, at: int) -> tuple[str, tuple[int, int] | str | None, int] | None:
    """Return a grade or sign that begins here: (kind, value, end), or None."""
    if match := _SIGN.match(text, at):
        signed = _signed((match["in"] or match["out"]).replace(" ", ""))
        return signed and (*signed, match.end())
    before = text[at - 1] if at else " "
    if before.isascii() and (before.isalnum() or before in "./") and not (before.isalpha() and text[at].isdigit()):
        return None
    for pattern in _GRADES:
        if match := pattern.match(text, at):
            if "から" in match[0] and _TO.match(text, match.end()):
                continue  # 3度から1度へ: a change, not a range
            parts = match.groupdict()
            return "severity" if parts.get("top") else "grade", _graded(parts), match.end()
    if match := _BARE.match(text, at):
        return "bare_grade", _graded(match.groupdict()), match.end()
    return None


def _signed(sign: str) -> tuple[str, tuple[int, int] | None] | None:
    """Return the kind and the grade of a sign; None of a digit, which is a number."""
    if sign in ("-", "ー", "一", "0"):
        return "negative", None
    if sign in ("±", "+-", "+/-"):
        return "severity", (1, 1)
    if sign == "+":
        return "positive", None
    if sign.isdigit():
        return None
    return "severity", OF_FOUR[len(sign) if sign[0] == "+" else int(sign[0])]


def _graded(parts: dict[str, str | None]) -> tuple[int, int]:
    low = _value(parts.get("a"))
    high = _value(parts.get("b")) or low
    scale = _OF_THREE if _value(parts.get("top")) == 3 else OF_FOUR
    return scale[min(low, max(scale))][0], scale[min(max(low, high), max(scale))][1]


def _value(grade: str | None) -> int:
    return 0 if not grade else int(grade) if grade.isdigit() else _VALUES.get(grade, 4)


def number_at(text: str, at: int) -> Number | None:
    """Return the number that begins here, with a range, a unit and a comparison, or None."""
    if at and text[at] not in "<>=!" and text[at - 1].isdigit():
        return None
    match = _NUMBER.match(text, at)
    if match is not None and match["b"] and "から" in match[0] and _changes(text, match):
        match = _NUMBER.match(text, at, match.end("ua") if match["ua"] else match.end("a"))  # a change, not a range
    if (
        match is None
        or text.startswith(("尖", "腔", "次孔", " cusp", "cusp"), match.end())
        or len(match["a"]) > 9
        or text.startswith("O", match.end("a"))  # EF 6O%: a letter
        or (match["b"] and len(match["b"]) > 9)
    ):
        return None
    if match["sign"] == "-" and at and text[at - 1].isdigit():
        return None
    low, high = float(match["a"]), float(match["b"]) if match["b"] else None
    if match["sep"] == "to" and high is not None and (high < low or text[:at].endswith("from ")):
        match = _NUMBER.match(text, at, match.end("ua") if match["ua"] else match.end("a"))  # a change, not a range
        low, high = float(match["a"]) if match else low, None
    if match is None:
        return None
    if high is not None and high < low:
        low, high = high, low
    unit = (match["ub"] or match["ua"] or "").lower().replace(" ", "")
    return Number(low, high, _SPOKEN.get(unit, unit) or None, _operator(match), at, match.end())


def _changes(text: str, match: re.Match[str]) -> bool:
    """Whether から joins an earlier number to today's: a range ascends, and nothing is said to come of it."""
    if float(match["b"]) < float(match["a"]) or _TO.match(text, match.end()):
        return True
    return _OF_BEFORE.search(text, max(0, match.start() - 12), match.start()) is not None


def _operator(match: re.Match[str]) -> str | None:
    if match["lead"]:
        return match["lead"]
    tail = (match["tail"] or "").lower()
    if not tail:
        return None
    for word, op in _TAILS:
        if word in tail:
            return _OPPOSITE[op] if match["neg"] else op
    if tail == "台":
        return "decade"
    if tail in ("ではない", "でない"):
        return "!="
    if tail.startswith("or "):
        return ">=" if tail[3:] in ("more", "greater", "higher", "above") else "<="
    return ">" if any(c in _LARGER for c in tail) else "<" if any(c in _SMALLER for c in tail) else None


def read_number(number: Number, measure: Measure, unit: str | None = None) -> Reading | None:
    """Return a number as this measurement, in its unit; None where no unit makes it plausible."""
    written = number.unit or unit
    factors = measure.factors
    if written is not None:
        factors = tuple(pair for pair in factors if pair[0] == written)
    for _, factor in factors or (() if written is not None else ((None, 1.0),)):
        low = round(number.low * factor, 6)
        high = None if number.high is None else round(number.high * factor, 6)
        if measure.low <= low <= measure.high and (high is None or measure.low <= high <= measure.high):
            return Reading(_tidy(low), None if high is None else _tidy(high))
    return None


def _tidy(value: float) -> float:
    return int(value) if value == int(value) else value
