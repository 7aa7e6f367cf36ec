"""Towers on torch's meta device, where weights have shapes and no values."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["has_values", "undrawn_embedding"]


def has_values(module: nn.Module) -> bool:
    """Return False if the module is on the meta device: to draw weights there imports torch._dynamo, some 2 s."""
    return not any(weight.is_meta for weight in module.parameters())


def undrawn_embedding(rows: int, width: int, padding: int | None = None) -> nn.Embedding:
    """Make an embedding whose weights the caller draws."""
    return nn.Embedding(rows, width, padding, _weight=torch.empty(rows, width))
