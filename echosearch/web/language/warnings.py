"""Warnings and refusals in the language of the page.

They are made in English, and name findings by their labels, which may be Japanese.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from echosearch.report.facts import english_names, load_lexicon

__all__ = ["cohort_in_japanese", "in_japanese", "with_english_names"]

_PART = re.compile(r"\\\{(\w+)\\\}")
_BETWEEN = ", "  # names of a list


@dataclass(frozen=True)
class _Sentence:
    """A sentence, or a phrase within one, as it is made in English and as it is told in either language."""

    pattern: re.Pattern[str]
    english: str
    japanese: str
    phrases: tuple[str, ...]  # its parts that are phrases themselves
    findings: tuple[str, ...]  # its parts that are labels of findings


@lru_cache
def _known() -> dict[str, tuple[_Sentence, ...]]:
    read = tomllib.loads(files("echosearch.web.language").joinpath("warnings.toml").read_text(encoding="utf-8"))
    return {kind: tuple(map(_sentence, read[kind])) for kind in ("warning", "refusal", "phrase")}


def _sentence(one: dict[str, Any]) -> _Sentence:
    # the shortest: what is typed comes last in a sentence, and may hold its marks
    pattern = _PART.sub(lambda part: rf"(?P<{part[1]}>{'[0-9]+' if part[1] == 'at' else '.*?'})", re.escape(one["en"]))
    named = (tuple(one.get(parts, ())) for parts in ("phrases", "findings"))
    return _Sentence(re.compile(pattern), one["en"], one["ja"], *named)


def in_japanese(warning: str) -> str | None:
    """Return a warning or a refusal in Japanese, None if warnings.toml does not have it, to be shown as it is."""
    return _told(warning, "warning") or _told(warning, "refusal")


def with_english_names(warning: str) -> str:
    """Return a warning or a refusal with the English names of the findings that it names."""
    for one in (*_known()["warning"], *_known()["refusal"]):
        if one.findings and (found := one.pattern.fullmatch(warning)):
            parts = found.groupdict()
            return one.english.format(**parts | {name: _in_english(parts[name]) for name in one.findings})
    return warning


def cohort_in_japanese(said: str) -> str:
    """Return what a cohort asks for, or one of its steps, in Japanese; its findings and its filter are as they are."""
    return " · ".join(_told(part, "phrase") or part for part in said.split(" · "))


def _told(said: str, kind: str) -> str | None:
    for one in _known()[kind]:
        if found := one.pattern.fullmatch(said):
            parts = found.groupdict()
            return one.japanese.format(
                **parts | {name: _told(parts[name], "phrase") or parts[name] for name in one.phrases}
            )
    return None


def _in_english(labels: str) -> str:
    return _BETWEEN.join(_english_labels().get(label, label) for label in labels.split(_BETWEEN))


@lru_cache
def _english_labels() -> Mapping[str, str]:
    labels = load_lexicon().labels
    return {labels[concept]: name for concept, name in english_names().items() if concept in labels}
