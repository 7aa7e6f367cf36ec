"""Convolutions before the blocks of a video transformer: small models learn edges and walls sooner from them than from
one linear map of whole tubelets (Xiao et al. 2021, "Early Convolutions Help Transformers See Better").
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

__all__ = ["ConvStem"]

HALVINGS = 3  # three convolutions of stride 2: cells of 8 x 8 pixels
GROUPS = 4  # of the norms; none looks beyond its own frame, so no clip depends on its batch


class ConvStem(nn.Module):
    """(B, 3, T, H, W) normalised -> (B, N, width), tokens by time, row, column, as unfolded tubelets have them."""

    def __init__(self, width: int, tubelet: tuple[int, int, int]) -> None:
        super().__init__()
        self.depth_t, rows, columns = tubelet
        cell = 2**HALVINGS
        if rows % cell or columns % cell or width % (4 * 2 * GROUPS):
            raise ValueError(f"a conv stem wants tubelets of multiples of {cell} pixels and a width of multiples of 32")
        channels = (3, width // 8, width // 4, width // 2)
        self.convolutions = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, b), nn.GELU())
                for a, b in pairwise(channels)
            )
        )
        self.merge = nn.Conv3d(width // 2, width, (self.depth_t, rows // cell, columns // cell), self._step(tubelet))

    @staticmethod
    def _step(tubelet: tuple[int, int, int]) -> tuple[int, int, int]:
        cell = 2**HALVINGS
        return tubelet[0], tubelet[1] // cell, tubelet[2] // cell

    def forward(self, video: Tensor) -> Tensor:
        b, c, frames, height, width = video.shape
        x = self.convolutions(video.transpose(1, 2).reshape(b * frames, c, height, width))
        x = x.unflatten(0, (b, frames)).transpose(1, 2)  # (B, C, T, H/8, W/8)
        merged: Tensor = self.merge(x).flatten(2).transpose(1, 2)
        return merged
