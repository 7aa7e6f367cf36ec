"""Age, sex and date in a query: 65歳以上, 80代, 高齢者, 女性, 2020年4月以降, 令和2年から3年."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["COMPLEMENT", "Demographic", "demographics"]

COMPLEMENT = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "=": "!=", "!=": "=", "between": "!="}
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "R": 2018, "H": 1988, "S": 1925, "T": 1911}
_PEOPLE = re.compile(r"(?:men|males|patients|people|adults|persons) (?:aged )?$")
_OF_A_VALUE = re.compile(r"(?:[A-Za-z'径値率がは:=]|\d\s*%?\s*[-~])\s*\Z")
_OLDEST = 130

_OR = ("または", "又は", "もしくは", "あるいは", "か", "と", "や", "、", "・", "or", "and", ",")
_EXCLUDED = re.compile(
    r"\s*(?:の?(?:症例|患者|人|例|方|もの|者)|検査)?\s*(?:を|は)?\s*(?:除(?:く|き|いた|いて|外)|以外|を?含めない)"
)
_NOT = re.compile(r"\s*(?:では?ない|じゃない)")
_AGE_OP = (
    r"(?:以上|以降|以下|まで|未満|を?(?:超え|こえ|上回)る?|超|より(?:上|高齢|年上|大きい)|を?下回る?|より(?:下|若い|若年|年下|小さい)"
    r"|or (?:older|over|more|above)|and (?:older|over|above)|or (?:younger|less)|and (?:younger|under)|\+|~(?!\s*\d))"
)
_YEARS_OLD = r"(?:歳|才|さい|years?(?:[ -]old)?|yrs?(?: old)?|y/?o)"
_AGES = re.compile(
    rf"(?P<from>\d{{1,3}})\s*(?:歳|才)?(?P<d1>代)?\s*(?:[-~]|から|to)\s*(?P<to>\d{{1,3}})\s*(?:(?P<d2>(?:歳"
    rf"|才)?代)|{_YEARS_OLD})(?:まで|以下|の間)?"
    rf"|(?P<low>\d{{1,3}})\s*(?:歳|才)?\s*(?P<above><=?)\s*(?:年齢|[Aa]ge|AGE)\s*(?P<below><=?)\s*(?P<high>\d{{1,3}})(?:\s*歳)?"
    rf"|(?:年齢\s*[がは:]?\s*)?(?P<decade>\d{{1,3}})\s*(?:歳|才)?[代台](?P<part>前半|後半|以上|以降|以下|まで)?"
    rf"|(?:年齢|[Aa]ged?|AGE) ?(?:between )?(?P<from2>\d{{1,3}})\s*(?:[-~]|から|to|and)\s*(?P<to2>\d{{1,3}})"
    rf"(?: ?{_YEARS_OLD})?"
    rf"|(?:年齢|[Aa]ge|AGE)\s*(?:が|は|:)?\s*(?P<lead1><=|>=|!=|<|>|=)?\s*(?P<age1>\d{{1,3}})\s*(?:歳"
    rf"|才)?\s*(?P<op1>{_AGE_OP})?"
    rf"|(?P<lead2><=|>=|!=|<|>|=|(?<![\d代歳才])~)\s*(?P<age2>\d{{1,3}})\s*{_YEARS_OLD}"
    rf"|(?P<old>後期高齢者?|前期高齢者?|高齢者?|elderly)"
    rf"|(?:aged? |age )?(?P<word>over|above|older than|under|below|younger than|at least"
    rf"|up to) (?:the age of |age )?(?P<age4>\d{{1,3}})(?P<unit4>[ -]?{_YEARS_OLD})?"
    rf"|aged (?P<age5>\d{{1,3}})(?: {_YEARS_OLD})? ?(?P<op5>{_AGE_OP})?"
    rf"|(?P<age3>\d{{1,3}})[ -]?{_YEARS_OLD}\s*(?P<op3>{_AGE_OP})?"
)
_SEX = re.compile(
    r"(?P<F>女性|女子|女の(?:人|患者)|女(?=[の、,\s]|$|患者|で|を|以外)|\b(?:fe|Fe|FE)(?:male|MALE)s?\b|\b[Ww]om[ae]n\b)"
    r"|(?P<M>男性|男子|男の(?:人|患者)|(?<!老)男(?=[の、,\s]|$|患者|で|を|以外)|\b(?:m|M)ales?\b|\b[Mm][ae]n\b)"
)
_DATE = (
    r"(?:(?P<{0}e>令和|平成|昭和|大正|(?<![A-Za-z])[RHST](?=(?:元|\d{{1,2}})\s*(?:年|[./]\d|以降|以前|まで|から"
    r"|[-~])))\s*(?P<{0}ey>元|\d{{1,2}})|(?<![\d.])(?P<{0}y>(?:19|20)\d\d)(?![\d.]*%))"
    r"(?:\s*年(?P<{0}fy>度)?(?P<{0}dec>代)?\s*(?:(?P<{0}m>\d{{1,2}})月(?:(?P<{0}d>\d{{1,2}})日)?)?"
    r"|[-/.](?P<{0}m2>\d{{1,2}})(?!\d)(?:[-/.](?P<{0}d2>\d{{1,2}})(?!\d))?)?"
)
_SECOND = (
    r"(?:(?P<bonly>\d{1,2})月|(?P<be>令和|平成|昭和|大正|[RHST])?\s*(?P<bey>元|(?:19|20)\d\d"
    r"|\d{1,2})\s*年?(?P<bfy>度)?(?:\s*(?P<bm>\d{1,2})月(?:(?P<bd>\d{1,2})日)?|[-/.](?P<bm2>\d{1,2})(?!\d)(?:[-/.](?P<bd2>\d{1,2})(?!\d))?)?)"
)
_DATES = re.compile(
    rf"(?P<lead>(?:since|from|after|before|prior to|until|in|during|[<>]=?|=)\s*)?{_DATE.format('a')}"
    rf"(?:\s*(?:から|[-~]|to|and)\s*{_SECOND}(?:\s*(?:まで|の間|以前))?)?"
    r"\s*(?P<op>以降|以後|以来|から(?!\d)|まで|以前|より(?:前|以前|古い)|より(?:後|以後|新しい)"
    r"|より(?!\w)|前(?!壁|尖|回|中)|onwards?|or later)?"
    r"(?:に?(?:検査|施行|撮影|実施|行われた)(?:した|された|の)?)?"
)


@dataclass(frozen=True)
class Demographic:
    """One condition on age (integer), sex ("F", "M") or date ("2020", "2020-04")."""

    field: Literal["age", "sex", "date"]
    op: str
    value: int | str
    value_hi: int | str | None = None

    def complement(self) -> Demographic:
        """Return what the condition excludes."""
        if self.field == "sex" and self.op == "=":
            return Demographic("sex", "=", "M" if self.value == "F" else "F")
        return Demographic(self.field, COMPLEMENT[self.op], self.value, self.value_hi)


def demographics(text: str) -> list[tuple[int, int, Demographic]]:
    """Return the conditions of a uniform text with their spans, in order; a pair such as 65歳以上75歳以下 is one."""
    found: list[tuple[int, int, Demographic]] = []
    taken: list[tuple[int, int]] = []
    readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Demographic | None]], ...] = (
        (_DATES, _date),
        (_AGES, _age),
        (_SEX, _sex),
    )
    for pattern, read in readers:
        for match in pattern.finditer(text):
            made = read(match)
            start, end = match.span()
            if made is None or any(start < b and a < end for a, b in taken):
                continue
            taken.append((start, end))
            if out := _EXCLUDED.match(text, end) or (_NOT.match(text, end)):
                end, made = out.end(), made.complement()
            found.append((start, end, made))
    return _paired(sorted(found, key=lambda item: item[0]), text)


def _paired(found: list[tuple[int, int, Demographic]], text: str) -> list[tuple[int, int, Demographic]]:
    made: list[tuple[int, int, Demographic]] = []
    for start, end, one in found:
        if made:
            first, last, before = made[-1]
            if text[last:start].strip() in _OR and (both := _adjoining(before, one)):
                made[-1] = (first, end, both)
                continue
            joined = text[last:start].strip(" 、,かつで") == "" and before.field == one.field
            if joined and (before.op, one.op) == (">=", "<="):
                made[-1] = (first, end, Demographic(one.field, "between", before.value, one.value))
                continue
        made.append((start, end, one))
    return made


def _adjoining(before: Demographic, one: Demographic) -> Demographic | None:
    """70代 and 80代 as one range, 2019 and 2020 too; None if they do not adjoin."""
    if before.field != one.field or before.op != one.op:
        return None
    if before.field == "age" and one.op == "between" and isinstance(before.value_hi, int):
        return Demographic("age", "between", before.value, one.value_hi) if before.value_hi + 1 == one.value else None
    if before.field == "date" and one.op == "=" and f"{before.value}{one.value}".isdigit():
        return (
            Demographic("date", "between", before.value, one.value) if int(before.value) + 1 == int(one.value) else None
        )
    return None


def _sex(match: re.Match[str]) -> Demographic | None:
    beside = match.string[max(0, match.start() - 1) : match.start()] + match.string[match.end() : match.end() + 1]
    return None if "男" in beside or "女" in beside else Demographic("sex", "=", match.lastgroup or "F")


def _age(match: re.Match[str]) -> Demographic | None:
    before = match.string[match.start() - 1] if match.start() else " "
    if before.isdigit() or before == "." or (before.isascii() and before.isalpha() and match[0][0].isalpha()):
        return None
    return next((read(match) for named, read in _AGE_READERS if match[named]), None)


def _from_to(match: re.Match[str]) -> Demographic | None:
    low, high = sorted((int(match["from"]), int(match["to"])))  # 80代から60代
    return _between(low, high + 9 if match["d2"] and "代" in match["d2"] else high)


def _around(match: re.Match[str]) -> Demographic | None:
    """65<=age<75, in whole years."""
    return _between(int(match["low"]) + (match["above"] == "<"), int(match["high"]) - (match["below"] == "<"))


def _decade(match: re.Match[str]) -> Demographic | None:
    if "台" in match[0] and not match[0].startswith("年齢") and _OF_A_VALUE.search(match.string, 0, match.start()):
        return None  # EF40台
    low, part = int(match["decade"]), match["part"]
    if low % 10 or low > _OLDEST:
        return None
    if part in ("以上", "以降"):
        return Demographic("age", ">=", low)
    if part in ("以下", "まで"):
        return Demographic("age", "<=", low + 9)
    first, last = {"前半": (0, 4), "後半": (5, 9), None: (0, 9)}[part]
    return _between(low + first, low + last)


def _old(match: re.Match[str]) -> Demographic | None:
    if match["old"].startswith("前期"):
        return _between(65, 74)
    return Demographic("age", ">=", 75 if match["old"].startswith("後期") else 65)


def _over(match: re.Match[str]) -> Demographic | None:
    people = _PEOPLE.search(match.string, max(0, match.start() - 12), match.start())
    if not (people or match["unit4"] or "age" in match[0] or "older" in match[0] or "younger" in match[0]):
        return None
    ops = {"over": ">", "above": ">", "older than": ">", "at least": ">=", "up to": "<="}
    return _compared(int(match["age4"]), ops.get(match["word"], "<"))


def _alone(number: str) -> Callable[[re.Match[str]], Demographic | None]:
    """Read one age with a sign before it or a word behind it."""

    def read(match: re.Match[str]) -> Demographic | None:
        parts = match.groupdict()
        lead = parts.get(f"lead{number}")
        op = "<=" if lead == "~" else lead or _op(parts.get(f"op{number}") or "")
        return _compared(int(parts[f"age{number}"]), op)

    return read


_AGE_READERS: tuple[tuple[str, Callable[[re.Match[str]], Demographic | None]], ...] = (  # by a group of _AGES
    ("from", _from_to),
    ("from2", lambda match: _between(int(match["from2"]), int(match["to2"]))),
    ("low", _around),
    ("decade", _decade),
    ("old", _old),
    ("age4", _over),
    *((f"age{number}", _alone(number)) for number in "1235"),
)


def _op(word: str) -> str:
    if not word:
        return "="
    if word in ("以上", "以降", "+", "~") or word.endswith((" older", " over", " more", " above")):
        return ">="
    if word in ("以下", "まで") or word.startswith("or "):
        return "<="
    if word == "未満" or "下" in word or "若" in word or "小さい" in word or word.startswith("and "):
        return "<"
    return ">"


def _compared(age: int, op: str) -> Demographic | None:
    return Demographic("age", op, age) if age <= _OLDEST else None


def _between(low: int, high: int) -> Demographic | None:
    return Demographic("age", "between", min(low, high), max(low, high)) if max(low, high) <= _OLDEST + 9 else None


def _date(match: re.Match[str]) -> Demographic | None:
    if re.match(r"\s*(?:歳|才|mm|cm|ml|msec|ms|%|枚)", match.string[match.end() :]):
        return None
    year = _year(match["ae"], match["aey"], match["ay"])
    month, day = match["am"] or match["am2"], match["ad"] or match["ad2"]
    if year is None or (month and not 1 <= int(month) <= 12) or (day and not 1 <= int(day) <= 31):
        return None
    value = _written(year, month, day)
    if match["adec"]:
        return Demographic("date", "between", str(year), str(year + 9))
    if (until := _until(match, year)) is not None:
        of_years = match["afy"] and match["bfy"] and until >= str(year)  # 2019年度から2020年度
        return Demographic("date", "between", f"{year}-04" if of_years else value, until)
    op = _date_op(match["op"] or (match["lead"] or "").strip())
    if match["afy"]:
        if op == "=":
            return Demographic("date", "between", f"{year}-04", f"{year + 1}-03")
        value = f"{year}-04" if op in (">=", "<") else f"{year + 1}-03"
    return Demographic("date", op, value)


def _until(match: re.Match[str], year: int) -> str | None:
    """Return the end of a range of dates that begins in ``year``; None where there is none."""
    second = match["bey"]
    if not second and not match["bonly"]:
        return None
    whole = second is not None and len(second) == 4
    upper = year if not second else int(second) if whole else _year(match["be"] or match["ae"], second, None)
    if upper is None or (upper < year and not whole):  # 2023年から2020年まで is a range that nothing is in
        return None
    if upper >= year and match["afy"] and match["bfy"]:
        return f"{upper + 1}-03"
    return _written(upper, match["bm"] or match["bm2"] or match["bonly"], match["bd"] or match["bd2"])


def _date_op(word: str) -> str:
    if word in ("以降", "以後", "以来", "から", "より", "since", "from", ">=", "or later") or word.startswith("onward"):
        return ">="
    if word in ("まで", "以前", "until", "<="):
        return "<="
    if word in ("before", "prior to", "<", "前") or (word.startswith("より") and word[2:] in ("前", "以前", "古い")):
        return "<"
    if word in ("after", ">") or word.startswith("より"):
        return ">"
    return "="


def _year(era: str | None, of_era: str | None, western: str | None) -> int | None:
    if western:
        return int(western)
    if not of_era:
        return None
    number = 1 if of_era == "元" else int(of_era)
    return _ERAS[era] + number if era in _ERAS else None


def _written(year: int, month: str | None, day: str | None) -> str:
    made = f"{year}"
    if month:
        made += f"-{int(month):02d}"
        if day:
            made += f"-{int(day):02d}"
    return made
