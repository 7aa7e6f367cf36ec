"""BERT (transformers, built from a config: nothing is downloaded) and the projection into the shared space."""

from __future__ import annotations

import re

from torch import Tensor, nn
from transformers import BertConfig, BertModel

from echosearch.encoder.manifest import BertSpec

__all__ = ["TextTower", "stored_name"]

# transformers' names -> ours. Stored weights carry ours, so that a library that renames its modules changes this
# table and no bundle. "#" stands for a layer's number.
_NAMES = {
    "bert.embeddings.word_embeddings.": "bert.words.",
    "bert.embeddings.position_embeddings.": "bert.positions.",
    "bert.embeddings.token_type_embeddings.": "bert.types.",
    "bert.embeddings.LayerNorm.": "bert.norm.",
    "bert.encoder.layer.#.attention.self.query.": "bert.layers.#.query.",
    "bert.encoder.layer.#.attention.self.key.": "bert.layers.#.key.",
    "bert.encoder.layer.#.attention.self.value.": "bert.layers.#.value.",
    "bert.encoder.layer.#.attention.output.dense.": "bert.layers.#.attention_out.",
    "bert.encoder.layer.#.attention.output.LayerNorm.": "bert.layers.#.attention_norm.",
    "bert.encoder.layer.#.intermediate.dense.": "bert.layers.#.mlp_in.",
    "bert.encoder.layer.#.output.dense.": "bert.layers.#.mlp_out.",
    "bert.encoder.layer.#.output.LayerNorm.": "bert.layers.#.mlp_norm.",
}
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


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


def stored_name(library: str) -> str:
    """The name that a bundle's file uses for a parameter that transformers calls ``library``; other names stay."""
    number = match.group() if (match := _NUMBER.search(library)) else ""
    pattern = _NUMBER.sub("#", library, count=1)
    for theirs, ours in _NAMES.items():
        if pattern.startswith(theirs):
            return ours.replace("#", number) + pattern.removeprefix(theirs)
    return library
