"""Make AdamW, with a learning rate for each tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from trainer.config import OptimConfig

__all__ = ["make_optimizer", "scale_of"]

SLOWEST, FASTEST = 0.03, 0.1  # of tensors with fewer than two axes, which begin at 0 or 1


def make_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """Make groups with a "scale" that multiplies the step's learning rate: 1, or with ``config.scaled`` scale_of.

    No decay on biases, norms, positions, temperatures and the phrase table: everything with fewer than two axes, and
    what is looked up rather than multiplied.
    """
    groups: list[dict[str, Any]] = []
    for name, tensor in model.named_parameters():
        if not tensor.requires_grad:
            continue
        plain = tensor.ndim < 2 or "positions" in name or name.startswith("table.")
        groups.append(
            {
                "params": [tensor],
                "weight_decay": 0.0 if plain else config.weight_decay,
                "scale": scale_of(tensor) if config.scaled else 1.0,
            }
        )
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas)


def scale_of(tensor: Tensor) -> float:
    """Return the weights' root mean square; for biases and norms, which begin at 0 or 1, within SLOWEST and FASTEST."""
    size = float(tensor.detach().float().square().mean().sqrt())
    return size if tensor.ndim >= 2 else min(max(size, SLOWEST), FASTEST)
