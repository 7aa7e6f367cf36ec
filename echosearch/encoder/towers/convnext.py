"""Per-frame ConvNeXt, mean over the frames: the paper's SingleImage, and the shape of EchoCLIP."""

from __future__ import annotations

import torch
from timm.models.convnext import ConvNeXt
from torch import Tensor, nn

from echosearch.encoder.bundle.manifest import ConvNextSpec

__all__ = ["FrameConvNext"]


class FrameConvNext(nn.Module):
    """(B, 3, T, H, W) normalised -> (B, D): the mean of the frames' vectors, of the first ``n_valid`` (B,) if given."""

    takes_n_valid = True  # the other towers see padding as frames, as they were trained

    def __init__(self, spec: ConvNextSpec, dimension: int) -> None:
        super().__init__()
        self.unit_frames = spec.unit_frames
        self.trunk = ConvNeXt(depths=spec.depths, dims=spec.widths, norm_eps=spec.eps, num_classes=0)
        self.head = nn.Linear(spec.widths[-1], dimension, bias=spec.head_bias)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        if spec.head_bias:
            nn.init.zeros_(self.head.bias)

    def forward(self, video: Tensor, n_valid: Tensor | None = None) -> Tensor:
        b, c, frames, height, width = video.shape
        images = video.transpose(1, 2).reshape(b * frames, c, height, width)
        each: Tensor = self.head(self.trunk(images))  # (B*T, D)
        if self.unit_frames:
            each = nn.functional.normalize(each, dim=-1)
        each = torch.unflatten(each, 0, (b, frames))
        if n_valid is None:
            return each.mean(dim=1)
        seen = torch.arange(frames, device=each.device)[None] < n_valid[:, None]  # padding has no say
        return (each * seen[..., None]).sum(dim=1) / n_valid[:, None]
