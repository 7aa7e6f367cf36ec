"""BERT (transformers, built from a config: nothing is downloaded) and the projection into the shared space."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import BertConfig, BertModel

from echosearch.encoder.bundle.manifest import BertSpec

__all__ = ["TextTower"]


class TextTower(nn.Module):
    """(B, L) token ids, 0 is padding and masked -> (B, D) raw."""

    def __init__(self, spec: BertSpec, dimension: int) -> None:
        super().__init__()
        config = BertConfig(
            vocab_size=spec.vocabulary,
            hidden_size=spec.width,
            num_hidden_layers=spec.depth,
            num_attention_heads=spec.heads,
            intermediate_size=spec.mlp_width,
            max_position_embeddings=spec.positions,
            layer_norm_eps=spec.eps,
        )
        self.bert = BertModel(config, add_pooling_layer=False)
        if spec.projection == "mlp":
            self.projection = nn.Sequential(
                nn.Linear(spec.width, spec.projection_width, bias=False),
                nn.GELU(),
                nn.Linear(spec.projection_width, dimension, bias=False),
            )
        else:
            self.projection = nn.Sequential(nn.Linear(spec.width, dimension))

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.bert(input_ids=ids, attention_mask=(ids != 0).long()).last_hidden_state
        out: Tensor = self.projection(hidden[:, 0])
        return out
