"""Warnings and refusals in the language of the page; they are made in English."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["cohort_in_japanese", "in_japanese"]

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
    return {kind: tuple(map(_sentence, read[kind])) for kind in ("warning", "refusal", "phrase")}


def _sentence(one: dict[str, Any]) -> _Sentence:
    pattern = _PART.sub(lambda part: rf"(?P<{part[1]}>{'[0-9]+' if part[1] == 'at' else '.*'})", re.escape(one["en"]))
    return _Sentence(re.compile(pattern), one["ja"], tuple(one.get("phrases", ())))


def in_japanese(warning: str) -> str | None:
    """Return a warning or a refusal in Japanese, None if warnings.toml does not have it, to be shown as it is."""
    return _told(warning, "warning") or _told(warning, "refusal")


def cohort_in_japanese(said: str) -> str:
    """Return what a cohort asks for, or one of its steps, in Japanese; its findings and its filter are as they are."""
    return " · ".join(_told(part, "phrase") or part for part in said.split(" · "))


def _told(said: str, kind: str) -> str | None:
    for one in _known()[kind]:
        if found := one.english.fullmatch(said):
            parts = found.groupdict()
            return one.japanese.format(
                **parts | {name: _told(parts[name], "phrase") or parts[name] for name in one.phrases}
            )
    return None
