"""training.toml beside a bundle: what the run was."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from echosearch.errors import ConfigError
from trainer.config import TrainConfig
from trainer.export import TRAINING

__all__ = ["read_training"]


def read_training(bundle: Path) -> TrainConfig | None:
    """The config a bundle was trained with; None for one that this trainer did not make. Raises ConfigError."""
    file = bundle / TRAINING
    if not file.is_file():
        return None
    try:
        return TrainConfig.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))["config"])
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as exc:
        raise ConfigError(f"{file} is not what the trainer wrote: {type(exc).__name__}") from exc
