"""Read and write training.toml beside a bundle: the run, and the earlier runs that its weights came from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.errors import ConfigError
from trainer.config import DataConfig, ModelConfig, TrainConfig

__all__ = ["BEFORE", "TRAINING", "Training", "TrainingRun", "read_training", "runs_before"]

TRAINING = "training.toml"
BEFORE = "before"  # its key: the runs before, the first one first


class TrainingRun(BaseModel):
    """What decides whom a run has trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    seed: int
    data: DataConfig


@dataclass(frozen=True)
class Training:
    """A bundle's own run, and the earlier runs of its weights."""

    config: TrainConfig
    before: tuple[TrainingRun, ...] = ()

    @property
    def runs(self) -> tuple[TrainingRun, ...]:
        return (*self.before, TrainingRun(name=self.config.name, seed=self.config.seed, data=self.config.data))


def read_training(bundle: Path) -> Training | None:
    """Read the record; None for a bundle that this trainer did not make. Raises ConfigError."""
    file = bundle / TRAINING
    if not file.is_file():
        return None
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
        before = tuple(TrainingRun.model_validate(run) for run in written.get(BEFORE, ()))
        return Training(TrainConfig.model_validate(written["config"]), before)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, ValidationError) as exc:
        raise ConfigError(f"{file} is not what the trainer wrote: {type(exc).__name__}") from exc


def runs_before(model: ModelConfig) -> tuple[TrainingRun, ...]:
    """Return the runs of the bundles in ``start``, ``start_video`` and ``start_text``. Raises ConfigError."""
    starts = (model.start, model.start_video, model.start_text)
    found = [read_training(find_bundle(Path(start))) for start in starts if start]
    return tuple(run for training in found if training for run in training.runs)
