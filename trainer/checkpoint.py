"""Where a run can go on: weights, optimizer, step and the state of chance, in one file that is whole or not there."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from echosearch.errors import ConfigError

__all__ = ["CHECKPOINT", "Checkpoint", "read_state", "write_state"]

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Checkpoint:
    """``step`` steps are done. ``chance`` is torch's generator of each process, in the order of ranks."""

    step: int
    digest: str  # of the config and the data
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    chance: list[Tensor]


def write_state(file: Path, state: Checkpoint) -> None:
    """Through a temporary name: a death while writing leaves the last checkpoint as it was."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with partial.open("wb") as handle:
        torch.save(dict(vars(state)), handle)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(partial, file)


def read_state(file: Path, digest: str, device: torch.device) -> Checkpoint:
    """Raises ConfigError when the checkpoint is another run's, or cannot be read."""
    try:
        state = Checkpoint(**torch.load(file, map_location=device, weights_only=True))
    except (OSError, RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as exc:
        raise ConfigError(
            f"{file} cannot be read as a checkpoint: {type(exc).__name__}; remove it to start over"
        ) from exc
    if state.digest != digest:
        raise ConfigError(
            f"{file} is of a run with another config or other data: give another run.out, or remove it to start over"
        )
    return state
