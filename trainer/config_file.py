"""Read a TrainConfig from one TOML file and ``--set section.key=value``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from echosearch.errors import ConfigError
from trainer.config import TrainConfig

__all__ = ["load"]


def load(file: Path, settings: Sequence[str] = ()) -> TrainConfig:
    """Load the config in ``file`` with ``settings`` ("optim.lr=1e-4") on top. Raises ConfigError that names the key."""
    try:
        tree: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file} is not TOML: {exc}") from exc
    for setting in settings:
        _put(tree, setting)
    try:
        return TrainConfig.model_validate(tree)
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        rule = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"{file}: {key}: {rule}, got {str(first['input'])[:80]!r}") from exc


def _put(tree: dict[str, Any], setting: str) -> None:
    """key.path=value into the tree; the value is TOML, and a bare word is a string."""
    key, separator, value = setting.partition("=")
    if not separator:
        raise ConfigError(f"--set {setting!r}: write key=value, such as optim.lr=1e-4")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *path, last = key.strip().split(".")
    for part in path:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {setting!r}: {part} is a value, it has no keys")
    tree[last] = parsed
