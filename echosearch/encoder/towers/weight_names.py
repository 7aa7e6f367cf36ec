"""The names under which bundles store BERT's weights."""

from __future__ import annotations

import re

__all__ = ["stored_name"]

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


def stored_name(library: str) -> str:
    """The name that a bundle's file uses for a parameter that transformers calls ``library``; other names stay."""
    number = match.group() if (match := _NUMBER.search(library)) else ""
    pattern = _NUMBER.sub("#", library, count=1)
    for theirs, ours in _NAMES.items():
        if pattern.startswith(theirs):
            return ours.replace("#", number) + pattern.removeprefix(theirs)
    return library
