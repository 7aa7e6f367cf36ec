"""The words of the pages, in Japanese and English: words.toml, and sentences with numbers in them."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

from echosearch.reading.reason_text import MEANING
from echosearch.web.language.reasons import JAPANESE_MEANING
from echosearch.web.language.warnings import cohort_in_japanese, in_japanese, with_english_names

__all__ = ["LANGUAGES", "words_in"]

LANGUAGES = ("ja", "en")  # the first is the usual one


@lru_cache
def words_in(language: str) -> Any:
    """Return the words in a language, as attributes: ``words.search``. A name that is none raises in a template."""
    place = LANGUAGES.index(language)
    read = tomllib.loads(files("echosearch.web.language").joinpath("words.toml").read_text(encoding="utf-8"))
    words = {
        name: {key: both[place] for key, both in one.items()} if isinstance(one, dict) else one[place]
        for name, one in read.items()
    }
    words["audited"] = lambda action: _audited(action, words)
    return SimpleNamespace(**words, **(_japanese() if language == "ja" else _english()))


def _audited(action: str, words: dict[str, Any]) -> str:
    """Name an act of the audit: what stands behind a name we know (an account, a format) stays."""
    names, plain = words["actions"], action.removesuffix(" identified")
    known = max((one for one in names if f"{plain} ".startswith(f"{one} ")), key=len, default=None)
    if known is None:
        return action
    named = f"{names[known]}{plain[len(known) :]}"
    return named if plain == action else f"{named} {words['identified_too']}"


def _japanese() -> dict[str, Any]:
    return {
        "reason_meaning": lambda reason: JAPANESE_MEANING.get(reason, ""),
        "age": lambda age: f"{age}歳以上" if age >= 90 else f"{age}歳",
        "shown": lambda first, last, kept: f"{first}〜{last} / {kept:,}件",
        "stated": lambda number: f"報告または計測に記載: {number:,}検査",
        "more_changes": lambda number: f"ほかに{number:,}検査。すべて書き出すには:",
        "left_out": lambda number: f"{number}件はもう示せません",
        "scored": lambda score, belief: {
            "probability": f"確率 {score}%",
            "percentile": f"百分位 {score}",
            "words": f"語 {score}",
        }.get(belief, f"類似 {score}"),
        "read_value": lambda concept, source, studies, error: (
            f"{concept} は動画から読んだ値で、{studies}検査で較正、他の患者での誤差 ±{error:g}"
            f"{'(同梱の尺度)' if source == 'shipped' else ''}"
        ),
        "cine_count": lambda number: f"{number}本",
        "study_count": lambda number: f"{number}検査",
        "day": lambda day: "-" if day is None else f"{day.isoformat()}{_era(day)}",
        "small": lambda below: f"{below}未満の数は伏せます",
        "tally": lambda number, below: f"<{below}" if number is None else f"{number:,}",
        "precision": lambda one: (
            f"{one.studies}検査を判読、採用率 {_percent(one.precision)}、不一致 {one.disputed}、保留 {one.unsure}"
        ),
        "unmatched": lambda number: f"検査に結びつかない報告: {number}件",
        "as_of": lambda when: f"{when:%Y-%m-%d %H:%M:%S} UTC 時点",
        "warning": lambda said: in_japanese(said) or said,
        "of_cohort": cohort_in_japanese,
        "with_interval": lambda value, low, high, unit: f"{value:.0f} ({low:.0f}〜{high:.0f}) {unit or ''}",
        "known_values": lambda number: f"値 {number:,}件",
        "with_without": lambda stated, other: f"あり {stated:,}、なし {other:,}",
        "compared": lambda compared, surprising: f"{compared:,}検査を比べ、意外なもの {surprising:,}",
        "probability_of": lambda probability: f"確率 {100 * probability:.0f}%",
        "grade_of": lambda grade: f"程度 {grade:.1f}",
    }


def _english() -> dict[str, Any]:
    return {
        "reason_meaning": lambda reason: MEANING.get(reason, ""),
        "age": lambda age: "90+" if age >= 90 else f"{age}",
        "shown": lambda first, last, kept: f"{first}-{last} of {kept:,}",
        "stated": lambda number: f"stated by report or SR: {number:,} stud{'y' if number == 1 else 'ies'}",
        "more_changes": lambda number: f"{number:,} more. To write them all:",
        "left_out": lambda number: f"{number} can no longer be shown",
        "scored": lambda score, belief: {
            "probability": f"probability {score}%",
            "percentile": f"percentile {score}",
            "words": f"words {score}",
        }.get(belief, f"likeness {score}"),
        "read_value": lambda concept, source, studies, error: (
            f"{concept} is read off videos, on a scale of {studies} studies; its error in other patients is ±{error:g}"
            f"{' (shipped scale)' if source == 'shipped' else ''}"
        ),
        "cine_count": lambda number: f"{number} cine{'' if number == 1 else 's'}",
        "study_count": lambda number: f"{number} stud{'y' if number == 1 else 'ies'}",
        "day": lambda day: "-" if day is None else day.isoformat(),
        "small": lambda below: f"numbers below {below} are hidden",
        "tally": lambda number, below: f"<{below}" if number is None else f"{number:,}",
        "precision": lambda one: (
            f"{one.studies} studies reviewed, accepted {_percent(one.precision)}, disputed {one.disputed}, unsure"
            f" {one.unsure}"
        ),
        "unmatched": lambda number: f"Reports that belong to no study: {number}",
        "as_of": lambda when: f"as of {when:%Y-%m-%d %H:%M:%S} UTC",
        "warning": with_english_names,
        "of_cohort": lambda said: said,
        "with_interval": lambda value, low, high, unit: f"{value:.0f} ({low:.0f}-{high:.0f}) {unit or ''}",
        "known_values": lambda number: f"{number:,} values",
        "with_without": lambda stated, other: f"{stated:,} with, {other:,} without",
        "compared": lambda compared, surprising: f"{compared:,} studies compared, {surprising:,} surprising",
        "probability_of": lambda probability: f"probability {100 * probability:.0f}%",
        "grade_of": lambda grade: f"grade {grade:.1f}",
    }


def _era(day: date) -> str:
    """Write the year of the era, as Japanese records have it: (令和3)."""
    for name, begin in (("令和", date(2019, 5, 1)), ("平成", date(1989, 1, 8)), ("昭和", date(1926, 12, 25))):
        if day >= begin:
            return f"({name}{day.year - begin.year + 1})"
    return ""


def _percent(share: Any) -> str:
    if share.share is None:
        return "-"
    return f"{100 * share.share:.0f}% ({100 * share.low:.0f}-{100 * share.high:.0f}%)"
