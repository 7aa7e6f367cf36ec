"""Pool small encoders' features by position and by view.

For every place of the picture the mean, the greatest and the least of each of ``readout`` numbers over time: phase of
the beat does not matter, extremes do. All places side by side are compressed, and the compressed numbers go into one of
``gates`` compartments, by a softmax over the same numbers: once the gates separate the views, a mean over a study's
videos is no mixture of views but all of them side by side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SpatialPool"]


class SpatialPool(nn.Module):
    """(B, T, places, channels) -> (B, gates * compressed)."""

    def __init__(self, channels: int, places: int, readout: int, compressed: int, gates: int) -> None:
        super().__init__()
        self.readout = nn.Linear(channels, readout)
        seen = 3 * places * readout
        self.compress = nn.Linear(seen, compressed)
        self.gate = nn.Linear(seen, gates)
        self.width = gates * compressed

    def forward(self, x: Tensor) -> Tensor:
        return self.gated(self.seen(x))

    def gated(self, seen: Tensor) -> Tensor:
        """Return (B, gates * compressed) of (B, F), gated by view."""
        gates = self.gate(seen).softmax(dim=-1)  # (B, G)
        apart: Tensor = gates[:, :, None] * self.compress(seen)[:, None]
        return apart.flatten(1)

    def seen(self, x: Tensor) -> Tensor:
        """Return (B, 3 * places * readout): mean, greatest and least over time."""
        each = self.readout(x)  # (B, T, P, R)
        return torch.cat([each.mean(dim=1), each.amax(dim=1), each.amin(dim=1)], dim=1).flatten(1)
