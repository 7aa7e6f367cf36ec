"""Save and restore the random generator, so that dropout after a pause is the same as without it."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from trainer.distributed import world

__all__ = ["all_chance", "chance", "set_chance"]


def chance(device: torch.device) -> Tensor:
    """Return the state of this process's generator on ``device``."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_chance(state: Tensor, device: torch.device) -> None:
    """Put back a state of ``chance``."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state.cpu(), device)
    else:
        torch.set_rng_state(state.cpu())


def all_chance(device: torch.device) -> list[Tensor]:
    """Return the state of each process, in the order of the ranks."""
    own = chance(device)
    if world() == 1:
        return [own]
    found: list[Any] = [None] * world()
    dist.all_gather_object(found, own)
    return found
