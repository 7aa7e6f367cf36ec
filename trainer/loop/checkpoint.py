"""Write and read checkpoints: weights, optimizer, step and random state, in one file that is complete or absent."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from echosearch.atomic import whole_file
from echosearch.errors import ConfigError
from trainer.distributed import process_rank

__all__ = ["CHECKPOINT", "Checkpoint", "put_back", "read_state", "write_state"]

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
    """Write the checkpoint through a temporary name: a death while writing leaves the last one as it was.

    Raises ConfigError.
    """
    try:
        with whole_file(file) as partial, partial.open("wb") as handle:
            torch.save(dict(vars(state)), handle)
            handle.flush()
            os.fsync(handle.fileno())
    except (OSError, RuntimeError) as exc:  # torch's own words for a full disk speak of its C++ source
        raise ConfigError(
            f"{file} cannot be written ({getattr(exc, 'strerror', None) or 'a full disk?'}): make room, and start the"
            " same command again: it continues from the checkpoint before"
        ) from exc


def read_state(file: Path, digest: str, device: torch.device) -> Checkpoint:
    """Read a checkpoint. Raises ConfigError if it is another run's, or cannot be read."""
    try:
        state = Checkpoint(**torch.load(file, map_location=device, weights_only=True))
    except (OSError, RuntimeError, TypeError, ValueError, LookupError, EOFError, pickle.UnpicklingError) as exc:
        raise ConfigError(
            f"{file} cannot be read as a checkpoint: {type(exc).__name__}; remove it to start over"
        ) from exc
    if state.digest != digest:
        raise ConfigError(
            f"{file} is of a run with another config or other data: give another run.out, or remove it to start over"
        )
    return state


def put_back(file: Path, state: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
    """Restore model and optimizer; return this process's random state. Raises ConfigError."""
    try:
        model.load_state_dict(state.model)
        optimizer.load_state_dict(state.optimizer)
        return state.chance[process_rank()]
    except (RuntimeError, ValueError, LookupError, TypeError) as exc:
        raise ConfigError(f"{file} is damaged: remove it to start over") from exc
