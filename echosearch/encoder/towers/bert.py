"""BERT (Devlin et al. 2019, arXiv:1810.04805) and the projection into the shared space.

Written on torch alone: importing transformers for one encoder costs a cold query several seconds, most of its time.
The module names are the names in bundles; tests/encoder/towers/test_bert.py compares every value with transformers'.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from echosearch.encoder.bundle.manifest import BertSpec
from echosearch.encoder.towers.meta import has_values, undrawn_embedding

__all__ = ["TextTower"]

DROPOUT = 0.1  # in training, of embeddings, attention and both outputs of a layer, as BERT was trained
INITIAL_STD = 0.02
PADDING = 0  # token id


class TextTower(nn.Module):
    """(B, L) token ids, 0 is padding and masked -> (B, D) raw."""

    def __init__(self, spec: BertSpec, dimension: int) -> None:
        super().__init__()
        self.bert = _Bert(spec)
        if spec.projection == "mlp":
            self.projection = nn.Sequential(
                nn.Linear(spec.width, spec.projection_width, bias=False),
                nn.GELU(),
                nn.Linear(spec.projection_width, dimension, bias=False),
            )
        else:
            self.projection = nn.Sequential(nn.Linear(spec.width, dimension))

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.projection(self.bert(ids)[:, 0])
        return out


class _Bert(nn.Module):
    """(B, L) token ids -> (B, L, width)."""

    def __init__(self, spec: BertSpec) -> None:
        super().__init__()
        if spec.width % spec.heads:
            raise ValueError(f"a width of {spec.width} does not divide among {spec.heads} heads")
        self.words = undrawn_embedding(spec.vocabulary, spec.width, PADDING)
        self.positions = undrawn_embedding(spec.positions, spec.width)
        self.types = undrawn_embedding(2, spec.width)  # always the first: a report is one text
        self.norm = nn.LayerNorm(spec.width, eps=spec.eps)
        self.dropout = nn.Dropout(DROPOUT)
        self.layers = nn.ModuleList(_Layer(spec) for _ in range(spec.depth))
        if has_values(self):
            self.apply(_initialise)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.dropout(self.norm(self.words(ids) + self.types.weight[0] + self.positions(places)))
        seen = (ids != PADDING)[:, None, None, :]  # (B, 1, 1, L): which tokens attention may look at
        for layer in self.layers:
            x = layer(x, seen)
        hidden: Tensor = x
        return hidden


class _Layer(nn.Module):
    """Attention and a two-layer perceptron, each with its residual normalised after it (post-norm)."""

    def __init__(self, spec: BertSpec) -> None:
        super().__init__()
        self.heads = spec.heads
        self.query, self.key, self.value, self.attention_out = (nn.Linear(spec.width, spec.width) for _ in range(4))
        self.attention_norm = nn.LayerNorm(spec.width, eps=spec.eps)
        self.mlp_in = nn.Linear(spec.width, spec.mlp_width)
        self.mlp_out = nn.Linear(spec.mlp_width, spec.width)
        self.mlp_norm = nn.LayerNorm(spec.width, eps=spec.eps)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        query, key, value = (self._split(part(x)) for part in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=seen, dropout_p=DROPOUT if self.training else 0.0
        )
        attended = self.attention_out(mixed.transpose(1, 2).flatten(2))
        x = self.attention_norm(x + self.dropout(attended))
        out: Tensor = self.mlp_norm(x + self.dropout(self.mlp_out(functional.gelu(self.mlp_in(x)))))
        return out

    def _split(self, x: Tensor) -> Tensor:
        """(B, L, width) -> (B, heads, L, width / heads)."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


def _initialise(module: nn.Module) -> None:
    """Draw weights as BERT does."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=INITIAL_STD)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=INITIAL_STD)
        if module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()
