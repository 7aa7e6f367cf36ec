"""Facts and conditions in a cardiologist's words: MR 中等度以上 · 左室拡大 なし · EF < 40 % · 女性 · 65歳以上."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from echosearch.report.facts.fact import Fact
from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.query.change import ChangeCondition
from echosearch.report.facts.query.demographic import Demographic
from echosearch.report.facts.query.understand import AnyOf, FindingCondition, QueryUnderstanding, ValueCondition
from echosearch.report.facts.walls import WALLS, left_out_of, without_wall

__all__ = [
    "change_words",
    "english_names",
    "excluded_parts",
    "fact_line",
    "fact_words",
    "polarity_word",
    "severity_words",
    "shown_severity",
    "understood_parts",
    "understood_words",
    "value_words",
]

_POLARITY = {
    "present": "あり",
    "absent": "なし",
    "not_significant": "有意なし",
    "uncertain": "疑い",
    "not_assessed": "評価なし",
    "historical": "既往",
}
_GRADES = ("なし", "ごく軽度", "軽度", "中等度", "高度")
_CHANGE = {"new": "新規", "gone": "消失", "worse": "悪化", "better": "改善", "falls": "低下", "rises": "上昇"}
_AGE = {">=": "以上", "<=": "以下", "<": "未満", ">": "超", "=": "", "!=": "以外"}
_DATE = {">=": "以降", "<=": "まで", "<": "より前", ">": "より後", "=": "", "!=": "以外"}


@lru_cache(maxsize=1)
def english_names() -> Mapping[str, str]:
    """Return what concepts are called in English, by id, where their label is Japanese (names_en.toml)."""
    names: dict[str, str] = tomllib.loads(files(__package__).joinpath("names_en.toml").read_text(encoding="utf-8"))
    return names


def polarity_word(polarity: str) -> str:
    """Return a word such as あり, なし, 疑い."""
    return _POLARITY[polarity]


def severity_words(severity: tuple[int, int] | None) -> str:
    """Write [3, 3] as 中等度, [3, 4] as 中等度以上, [0, 2] as 軽度以下, [2, 3] as 軽度〜中等度; None as nothing."""
    if severity is None:
        return ""
    low, high = severity
    if low == high:
        return _GRADES[low]
    if high == 4:
        return f"{_GRADES[low]}以上"
    return f"{_GRADES[high]}以下" if low == 0 else f"{_GRADES[low]}〜{_GRADES[high]}"


def fact_words(fact: Fact, lexicon: Lexicon) -> tuple[str, str, str, str]:
    """Return concept, polarity, severity and value of a fact, as a table shows them."""
    label = lexicon.labels.get(fact.concept, fact.concept)
    if fact.walls:
        label = f"{'・'.join(WALLS[wall].ja for wall in fact.walls)}の{label}"
    return label, _POLARITY[fact.polarity], severity_words(shown_severity(fact)), value_words(fact)


def fact_line(fact: Fact, words: tuple[str, str, str, str]) -> str:
    """Write the words of a fact (concept, polarity, severity, value) in one line: MR 高度, 左室拡大 なし, EF 35 %.

    That it is present goes without saying where a severity or a value is said.
    """
    label, polarity, severity, value = words
    plain = fact.polarity == "present" and (severity or value)
    return " ".join(one for one in (label, severity, value, "" if plain else polarity) if one)


def value_words(fact: Fact, to: str = "〜") -> str:
    """Return the value of a fact with its unit, or nothing; ``to`` stands between the ends of a range."""
    if fact.value is None:
        return ""
    high = "" if fact.value_hi is None else f"{to}{fact.value_hi:g}"
    return f"{fact.value:g}{high} {fact.unit or ''}".strip()


def shown_severity(fact: Fact) -> tuple[int, int] | None:
    """Return the severity of a fact where it is one of what is, may be or was there."""
    return fact.severity if fact.polarity in ("present", "uncertain", "historical") else None


def understood_words(found: QueryUnderstanding, lexicon: Lexicon) -> str:
    """Return what was understood of a query, in one line; empty where nothing was."""
    return " · ".join(understood_parts(found, lexicon))


def understood_parts(found: QueryUnderstanding, lexicon: Lexicon) -> list[str]:
    """Return what was understood of a query, condition by condition; each reads as a query of its own."""
    parts = [
        " または ".join(_condition(one, lexicon) for one in each.conditions)
        if isinstance(each, AnyOf)
        else _condition(each, lexicon)
        for each in found.required
    ]
    for each, left in excluded_parts(found):
        walls = "・".join(WALLS[wall].ja for wall in left)
        said = _condition(each, lexicon)
        parts.append(f"{walls}以外の{said} を除く" if walls else f"{said} を除く")
    parts += [_condition(each, lexicon) for each in found.values]
    parts += [change_words(each, lexicon) for each in found.changes]
    parts += [_demographic(each) for each in found.demographics]
    return parts


def excluded_parts(found: QueryUnderstanding) -> list[tuple[FindingCondition, tuple[str, ...]]]:
    """Return what is excluded; a condition on all walls but some is one, of no wall, with those that it leaves out."""
    parts: list[tuple[FindingCondition, tuple[str, ...]]] = []
    for each in found.excluded:
        concept, wall = without_wall(each.concept)
        alike = [one for one in found.excluded if one == replace(each, concept=one.concept)]
        walls = [name for kind, name in map(without_wall, (one.concept for one in alike)) if name and kind == concept]
        left = left_out_of(walls) if wall else ()
        part = (replace(each, concept=concept) if left else each, left)
        if part not in parts:
            parts.append(part)
    return parts


def _condition(condition: FindingCondition | ValueCondition, lexicon: Lexicon) -> str:
    label = lexicon.labels.get(condition.concept, condition.concept)
    if isinstance(condition, FindingCondition):
        severity = severity_words(condition.severity)
        polarity = "" if condition.polarity == "present" and severity else _POLARITY[condition.polarity]
        return " ".join(part for part in (label, severity, polarity) if part)
    unit = f" {condition.unit}" if condition.unit else ""
    if condition.value_hi is not None:
        outside = " 以外" if condition.op == "!=" else ""
        return f"{label} {condition.value:g}〜{condition.value_hi:g}{unit}{outside}"
    return f"{label} {condition.op} {condition.value:g}{unit}"


def change_words(change: ChangeCondition, lexicon: Lexicon) -> str:
    """Return a line such as: EF 12か月以内に10 %以上低下."""
    months = change.within_months
    when = "前回から" if months is None else f"{months}か月以内に"
    amount = ""
    if change.amount is not None:
        unit = "段階" if change.kind in ("worse", "better") else f" {change.unit}" if change.unit else ""
        amount = f"{change.amount:g}{unit}以上"
    return f"{lexicon.labels.get(change.concept, change.concept)} {when}{amount}{_CHANGE[change.kind]}"


def _demographic(one: Demographic) -> str:
    if one.field == "sex":
        return "女性" if one.value == "F" else "男性"
    if one.value_hi is not None:
        span = f"{one.value}〜{one.value_hi}" + ("歳" if one.field == "age" else "")
        return span + ("以外" if one.op == "!=" else "")
    return f"{one.value}歳{_AGE[one.op]}" if one.field == "age" else f"{one.value} {_DATE[one.op]}".strip()
