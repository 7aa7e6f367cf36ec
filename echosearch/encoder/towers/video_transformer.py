"""ViViT and VideoMAE v2: the same pre-norm ViT blocks over tubelets, distinguished by VideoTransformerSpec.

    ViViT        class token, learned positions, tanh GELU; output = head(norm(class token))
    VideoMAE v2  no class token, sine positions, exact GELU; output = head(norm(mean of tokens))

Three things that the sources write differently and that are the same here:
- a tubelet embedding is a Conv3d whose stride is its kernel, so it is a Linear on unfolded tubelets (and faster);
- VideoMAE v2 has no k bias: a k bias adds the same amount to all logits of a query, which softmax ignores; ours is 0;
- a norm of all tokens before the class token is taken equals a norm of the class token alone.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import numpy as np
import torch
from timm.layers.norm import LayerNorm
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from echosearch.encoder.bundle.manifest import VideoTransformerSpec
from echosearch.encoder.towers.meta import has_values

__all__ = ["VideoTransformer", "sine_positions"]


class VideoTransformer(nn.Module):
    """(B, 3, T, H, W) normalised -> (B, D) raw."""

    def __init__(self, spec: VideoTransformerSpec, frames: int, size: int, dimension: int) -> None:
        super().__init__()
        self.tubelet = spec.tubelet
        self.pooling = spec.pooling
        depth_t, rows, columns = spec.tubelet
        if frames % depth_t or size % rows or size % columns:
            raise ValueError(
                f"a clip of {frames} frames of {size} x {size} does not divide into tubelets {spec.tubelet}"
            )
        tokens = (frames // depth_t) * (size // rows) * (size // columns)
        self.embed = nn.Linear(3 * depth_t * rows * columns, spec.width)
        self.class_token = nn.Parameter(torch.zeros(spec.width)) if spec.pooling == "class" else None
        length = tokens + (spec.pooling == "class")
        if spec.positions == "learned":
            self.positions = nn.Parameter(torch.zeros(length, spec.width))
        else:
            self.register_buffer("positions", sine_positions(length, spec.width), persistent=False)
        # timm calls both to make a layer; its annotation asks for a class
        gelu = cast(type[nn.Module], partial(nn.GELU, approximate="tanh" if spec.gelu == "tanh" else "none"))
        norm = cast(type[nn.Module], partial(LayerNorm, eps=spec.eps))
        self.blocks = nn.Sequential(
            *(
                Block(spec.width, spec.heads, spec.mlp_ratio, qkv_bias=True, act_layer=gelu, norm_layer=norm)
                for _ in range(spec.depth)
            )
        )
        self.norm = nn.LayerNorm(spec.width, eps=spec.eps)
        self.head = nn.Linear(spec.width, dimension)
        if has_values(self):
            self._draw()

    def _draw(self) -> None:
        self.apply(_initialise)
        for learned in (self.class_token, self.positions):
            if isinstance(learned, nn.Parameter):
                nn.init.normal_(learned, std=0.02)

    def forward(self, video: Tensor) -> Tensor:
        x = self.embed(self._unfold(video))  # (B, N, width)
        if self.class_token is not None:
            x = torch.cat([self.class_token.to(x.dtype).expand(x.shape[0], 1, -1), x], dim=1)
        x = self.blocks(x + self.positions)
        pooled = x[:, 0] if self.pooling == "class" else x.mean(dim=1)
        out: Tensor = self.head(self.norm(pooled))
        return out

    def _unfold(self, video: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, N, 3*t*h*w): tokens by time, row, column; values by channel, time, row, column."""
        b, c, frames, height, width = video.shape
        t, h, w = self.tubelet
        x = video.reshape(b, c, frames // t, t, height // h, h, width // w, w)
        return x.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(b, -1, c * t * h * w)


def sine_positions(length: int, width: int) -> Tensor:
    """Return the table of "Attention is all you need", as VideoMAE computes it: (length, width) float32."""
    position = np.arange(length, dtype=np.float64)[:, None]
    pair = np.arange(width) // 2
    angle = position / np.power(10000, 2 * pair / width)
    table = np.where(np.arange(width) % 2 == 0, np.sin(angle), np.cos(angle))
    return torch.from_numpy(table.astype(np.float32))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
