"""Convolutions on every frame, one over time, places kept apart: the video tower of encoders that learn on a CPU.

    frame 64 x 64 -> conv /2 -> conv /2 -> residual block -> conv /2 -> residual block        8 x 8 places
    each place    -> + a look at the frame before and the one after, how whole regions move -> SpatialPool -> head

How far order in time counts is the spec's: ``turns`` keeps it over a whole clip, ``time`` "bag" and "stills" have none.

A transformer of the same cost needs more steps than a CPU has before it distinguishes two hearts; these learn in
minutes (docs/experiments.md). No norm looks beyond a clip, so a vector does not depend on its batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from echosearch.encoder.bundle.manifest import VideoConvSpec
from echosearch.encoder.towers.meta import has_values
from echosearch.encoder.towers.spatial_pool import SpatialPool

__all__ = ["VideoConv"]

CELL = 8  # pixels of a place, each way: three convolutions of stride 2
COLOR = 3.0  # how much louder than grey: most of an echo is grey, and the jets are not
FAINT = 0.3  # of what a residual branch adds at first


class VideoConv(nn.Module):
    """(B, 3, T, S, S) normalised -> (B, D) raw."""

    def __init__(self, spec: VideoConvSpec, size: int, dimension: int) -> None:
        super().__init__()
        if size % CELL:
            raise ValueError(f"a clip of {size} x {size} does not divide into places of {CELL} x {CELL}")
        self.time = spec.time
        narrow, middle, wide = spec.widths
        self.stem = nn.Conv2d(3, narrow, 3, stride=2, padding=1)
        self.down1 = nn.Conv2d(narrow, middle, 3, stride=2, padding=1)
        self.block1 = _Residual(middle)
        self.down2 = nn.Conv2d(middle, wide, 3, stride=2, padding=1)
        self.block2 = _Residual(wide)
        self.motion = nn.Linear(3 * wide, wide)
        self.elsewhere = RegionMotion(wide, (size // CELL) ** 2, spec.regions) if spec.regions else None
        self.places = SpatialPool(wide, (size // CELL) ** 2, spec.readout, spec.compressed, spec.gates, spec.turns)
        self.head = nn.Linear(self.places.width, dimension)
        if has_values(self):
            self._draw()

    def _draw(self) -> None:
        self.apply(_initialise)
        with torch.no_grad():
            branches: list[nn.Conv2d | nn.Linear] = [self.block1.second, self.block2.second, self.motion]
            if self.elsewhere is not None:
                branches.append(self.elsewhere.mix)
            for branch in branches:
                branch.weight.mul_(FAINT)
            grey = self.stem.weight.mean(dim=1, keepdim=True)
            self.stem.weight.copy_(grey + COLOR * (self.stem.weight - grey))

    def forward(self, video: Tensor) -> Tensor:
        if self.time != "stills":
            return self._vector(video)
        frames = video.transpose(1, 2)  # (B, T, 3, S, S)
        each = self._vector(frames.flatten(0, 1)[:, :, None])
        mean: Tensor = each.unflatten(0, frames.shape[:2]).mean(dim=1)
        return mean

    def _vector(self, video: Tensor) -> Tensor:
        out: Tensor = self.head(self.places(self.trunk(video)))
        return out

    def trunk(self, video: Tensor) -> Tensor:
        """Return (B, T, places, C): features of each position, and their motion."""
        b, _, frames, _, _ = video.shape
        # (B*T, 3, S, S); channels last in memory saves a fifth of the time on a CPU
        x = video.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        x = self.block1(functional.relu(self.down1(functional.relu(self.stem(x)))))
        x = self.block2(functional.relu(self.down2(x)))
        x = x.flatten(2).transpose(1, 2).unflatten(0, (b, frames))  # (B, T, places, C)
        before, after = x, x  # as if nothing moved
        if self.time == "neighbours":
            before, after = torch.cat([x[:, :1], x[:, :-1]], dim=1), torch.cat([x[:, 1:], x[:, -1:]], dim=1)
        moved = self.motion(torch.cat([before, x, after], dim=-1))
        if self.elsewhere is not None:
            moved = moved + self.elsewhere(moved)
        return functional.relu(x + moved)


class RegionMotion(nn.Module):
    """(B, T, places, C) movement of each place -> (B, T, 1, C) for all of them: what a few learned regions do just now.

    SpatialPool forgets when something happened. That one wall moves while another does not (dyssynchrony) has to be
    seen within a frame.
    """

    def __init__(self, channels: int, places: int, regions: int) -> None:
        super().__init__()
        self.regions = nn.Linear(places, regions)
        self.mix = nn.Linear(channels * regions, channels)

    def forward(self, moved: Tensor) -> Tensor:
        each = functional.relu(self.regions(moved.transpose(2, 3)))  # (B, T, C, regions)
        out: Tensor = self.mix(each.flatten(2))
        return out[:, :, None]


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = functional.relu(x + self.second(functional.relu(self.first(x))))
        return out


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
