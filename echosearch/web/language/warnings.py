"""Warnings of searches and interpretations in the language of the page; they are made in English."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["in_japanese"]

_PART = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True)
class _Sentence:
    """A sentence, or a phrase within one, as it is made in English and as it is told in Japanese."""

    english: re.Pattern[str]
    japanese: str
    phrases: tuple[str, ...]  # its parts that are phrases themselves


@lru_cache
def _known() -> dict[str, tuple[_Sentence, ...]]:
    read = tomllib.loads(files("echosearch.web.language").joinpath("warnings.toml").read_text(encoding="utf-8"))
    return {kind: tuple(map(_sentence, read[kind])) for kind in ("warning", "phrase")}


def _sentence(one: dict[str, Any]) -> _Sentence:
    pattern = _PART.sub(r"(?P<\1>.*)", re.escape(one["en"]))
    return _Sentence(re.compile(pattern), one["ja"], tuple(one.get("phrases", ())))


def in_japanese(warning: str) -> str | None:
    """Return a warning in Japanese, None if warnings.toml does not have it: it is shown in English then."""
    return _told(warning, "warning")


def _told(said: str, kind: str) -> str | None:
    for one in _known()[kind]:
        if found := one.english.fullmatch(said):
            parts = found.groupdict()
            return one.japanese.format(
                **parts | {name: _told(parts[name], "phrase") or parts[name] for name in one.phrases}
            )
    return None
