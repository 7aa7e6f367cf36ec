"""EchoPrime's video tower: torchvision's MViT v2 S with a head of our dimension."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.video import mvit_v2_s  # type: ignore[import-untyped]

__all__ = ["FRAMES", "SIZE", "Mvit"]

FRAMES, SIZE = 16, 224  # torchvision builds it for these alone


class Mvit(nn.Module):
    """(B, 3, 16, 224, 224) normalised -> (B, D) raw."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.trunk = mvit_v2_s()
        self.trunk.head = nn.Identity()
        self.head = nn.Linear(self.trunk.norm.normalized_shape[0], dimension)

    def forward(self, video: Tensor) -> Tensor:
        out: Tensor = self.head(self.trunk(video))
        return out
