"""The head's network: a small U-Net that looks at one grey frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ContourNet"]


class ContourNet(nn.Module):
    """(B, 1, H, W) in 0..1 -> (B, H, W) logits of cavity; H and W are multiples of 2 ** len(widths).

    ``widths``: channels of each level, from the finest, which has half of the pixels each way. Its logits are spread
    over all pixels: an outline is smooth at that scale, and the full one would take three times as long.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, widths[0], 5, stride=2, padding=2)
        self.down = nn.ModuleList(_block(before, after) for before, after in pairwise([widths[0], *widths]))
        self.up = nn.ModuleList(_block(fine + coarse, fine) for fine, coarse in pairwise(widths))
        self.read = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.first(x)
        levels: list[Tensor] = []
        for number, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if number else x)
            levels.append(x)
        for block, fine in zip(reversed(self.up), reversed(levels[:-1]), strict=True):
            larger = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat((fine, larger), dim=1))
        logits = functional.interpolate(self.read(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        return logits[:, 0]


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )
