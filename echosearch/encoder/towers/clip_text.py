"""CLIP's text tower (Radford et al. 2021) as open_clip builds it: causal, read at the end-of-text token."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from timm.layers.norm import LayerNorm
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from echosearch.encoder.bundle.manifest import ClipTextSpec
from echosearch.encoder.towers.meta import has_values, undrawn_embedding

__all__ = ["ClipText"]


class ClipText(nn.Module):
    """(B, L) token ids, the end-of-text token being the largest of each row -> (B, D) raw.

    Nothing looks ahead, so padding after the end changes nothing and needs no mask.
    """

    def __init__(self, spec: ClipTextSpec, dimension: int) -> None:
        super().__init__()
        norm = cast(type[nn.Module], partial(LayerNorm, eps=spec.eps))
        self.words = undrawn_embedding(spec.vocabulary, spec.width)
        self.positions = nn.Parameter(torch.zeros(spec.positions, spec.width))
        self.blocks = nn.ModuleList(
            Block(spec.width, spec.heads, mlp_ratio=4.0, qkv_bias=True, norm_layer=norm) for _ in range(spec.depth)
        )
        self.norm = nn.LayerNorm(spec.width, eps=spec.eps)
        self.projection = nn.Linear(spec.width, dimension, bias=False)
        if has_values(self):
            nn.init.normal_(self.words.weight, std=0.02)
            nn.init.normal_(self.positions, std=0.01)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        x = self.words(ids) + self.positions[:length]
        behind = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        for block in self.blocks:
            x = block(x, attn_mask=behind)
        end = x[torch.arange(len(ids), device=ids.device), ids.argmax(dim=1)]
        out: Tensor = self.projection(self.norm(end))
        return out
