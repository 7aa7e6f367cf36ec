"""Pool small encoders' features by position and by view.

For every place of the picture the mean, the greatest and the least of each of ``readout`` numbers over time: phase of
the beat does not matter, extremes do. All places side by side are compressed, and the compressed numbers go into one of
``gates`` compartments, by a softmax over the same numbers: once the gates separate the views, a mean over a study's
videos is no mixture of views but all of them side by side.

All that is symmetric in the frames. With ``turns`` the pool also keeps their order: a few numbers of each whole frame
draw a path over time, and each two of them turn around each other one way or the other (Levy's area). Played backwards,
every such area changes its sign.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SpatialPool", "turned"]

LOUD = 3.0  # times that turns count beside what is compressed, which is far more of the picture
FAINTEST = 1e-6  # squared step under which nothing moves


class SpatialPool(nn.Module):
    """(B, T, places, channels) -> (B, gates * (compressed + pairs of turns))."""

    def __init__(self, channels: int, places: int, readout: int, compressed: int, gates: int, turns: int = 0) -> None:
        super().__init__()
        self.readout = nn.Linear(channels, readout)
        seen = 3 * places * readout
        self.compress = nn.Linear(seen, compressed)
        self.gate = nn.Linear(seen, gates)
        self.path = nn.Linear(places * readout, turns, bias=False) if turns else None
        self.width = gates * (compressed + turns * (turns - 1) // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.gated(self.seen(x))

    def gated(self, seen: Tensor) -> Tensor:
        """Return (B, width) of (B, F), gated by view: all that is compressed, then all turns."""
        usual = seen[:, : self.compress.in_features]
        gates = self.gate(usual).softmax(dim=-1)[:, :, None]  # (B, G, 1)
        apart: Tensor = (gates * self.compress(usual)[:, None]).flatten(1)
        if self.path is None:
            return apart
        return torch.cat([apart, (gates * LOUD * seen[:, None, usual.shape[1] :]).flatten(1)], dim=1)

    def seen(self, x: Tensor) -> Tensor:
        """Return (B, F): 3 * places * readout mean, greatest and least over time, then the turns."""
        each = self.readout(x)  # (B, T, P, R)
        usual = torch.cat([each.mean(dim=1), each.amax(dim=1), each.amin(dim=1)], dim=1).flatten(1)
        if self.path is None:
            return usual
        return torch.cat([usual, turned(self.path(each.flatten(2)))], dim=1)


def turned(path: Tensor) -> Tensor:
    """Return (B, N (N - 1) / 2) of (B, T, N): the area that each two of N numbers go around, signed.

    In the square of the path's mean step, so that it has no unit. From the first frame and by steps, so that a last
    frame that is repeated to fill a clip adds nothing.
    """
    from_first, steps = path[:, :-1] - path[:, :1], path.diff(dim=1)
    product = from_first.transpose(1, 2) @ steps  # (B, N, N)
    length = steps.square().sum(dim=(1, 2)) / path.shape[2]
    one, other = torch.triu_indices(path.shape[2], path.shape[2], 1)
    areas: Tensor = (product - product.transpose(1, 2))[:, one, other] / (length[:, None] + FAINTEST)
    return areas
