"""The weights of the arms, from weights.toml."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["words_weight"]


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("weights.toml").read_text(encoding="utf-8"))


def words_weight() -> float:
    """Return what the words of a report count for beside the videos' log probabilities."""
    return float(_table()["words"])
