"""Warnings of searches and interpretations in the language of the page; they are made in English."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

__all__ = ["in_japanese"]

_PART = re.compile(r"\\\{(\w+)\\\}")


@lru_cache
def _known() -> tuple[tuple[re.Pattern[str], str], ...]:
    read = tomllib.loads(files("echosearch.web.language").joinpath("warnings.toml").read_text(encoding="utf-8"))
    return tuple((re.compile(_PART.sub(r"(?P<\1>.*)", re.escape(one["en"]))), one["ja"]) for one in read["warning"])


def in_japanese(warning: str) -> str | None:
    """Return a warning in Japanese, None if warnings.toml does not have it: it is shown in English then."""
    for pattern, japanese in _known():
        if found := pattern.fullmatch(warning):
            return japanese.format(**found.groupdict())
    return None
