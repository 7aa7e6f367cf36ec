"""Read the text tower that a run begins with, by itself: model.start_text.

a bundle     its folder, or the name of one that ships: text tower and tokenizer, and the projection if its dimension
             is the run's
a BERT       a local Hugging Face folder in the style of tohoku-nlp: config.json, model.safetensors or
             pytorch_model.bin, and vocab.txt for MeCab (unidic-lite) and WordPiece; the projection begins at random

Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from echosearch.encoder.bundle.folder import MANIFEST, TOKENIZER, WEIGHTS, load_manifest
from echosearch.encoder.bundle.manifest import BertSpec, TextPart, TextTowerSpec, TokenizerSpec
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.published.checkpoint import read_checkpoint, read_small_json
from echosearch.encoder.published.keys import bert_rules, convert
from echosearch.encoder.text.tokenizer import VOCABULARY, installed_dictionary, read_vocabulary
from echosearch.encoder.towers.build import build_text_tower, load_weights, use_weights
from echosearch.errors import BundleError
from trainer.config import ModelConfig

__all__ = ["TextStart", "read_text_start"]

PROJECTION = "projection."
CHECKPOINTS = ("model.safetensors", "pytorch_model.bin")
# of a published BERT: its pre-training's heads, and a buffer of older releases
UNUSED = ("cls.", "bert.pooler.", "bert.embeddings.position_ids")
# config.json -> what our tower computes
FIXED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "is_decoder": False,
}
# tokenizer_config.json -> what our tokenizer does
TOKENIZES = {
    "tokenizer_class": "BertJapaneseTokenizer",
    "word_tokenizer_type": "mecab",
    "subword_tokenizer_type": "wordpiece",
}
DICTIONARY = "unidic_lite"


@dataclass(frozen=True)
class TextStart:
    """A text tower that has learned: its shape, tokenizer and weights by our names, with or without a projection."""

    tower: TextTowerSpec
    tokenizer: TokenizerSpec
    vocabulary: tuple[str, ...]
    weights: Mapping[str, Tensor]

    def put_into(self, text: nn.Module) -> None:
        """Copy the weights into ``text``; a projection that is not among them stays. Raises BundleError."""
        kept = {name: tensor for name, tensor in text.state_dict().items() if name.startswith(PROJECTION)}
        use_weights(text, {**kept, **self.weights})


def read_text_start(model: ModelConfig) -> TextStart:
    """Read ``model.start_text``. Raises BundleError if the folder is neither, or does not fit."""
    folder = find_bundle(Path(model.start_text))
    if (folder / MANIFEST).is_file():
        return _of_bundle(folder, model.dimension)
    if (folder / "config.json").is_file():
        return _of_bert(folder, model)
    raise BundleError(
        f"model.start_text: {folder} has no {MANIFEST} and no config.json: give an encoder bundle, or the folder of a"
        " published Japanese BERT"
    )


def _of_bundle(folder: Path, dimension: int) -> TextStart:
    old = load_manifest(folder)
    if old.tokenizer.kind not in ("mecab_wordpiece", "bert_wordpiece"):
        raise BundleError(
            f"model.start_text: {folder} has a tokenizer of kind {old.tokenizer.kind!r}: give a bundle with a WordPiece"
            " vocabulary"
        )
    weights = load_weights(folder / WEIGHTS, "text")
    if old.dimension != dimension:
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith(PROJECTION)}
    vocabulary = tuple(read_vocabulary(folder / TOKENIZER / VOCABULARY))
    return TextStart(old.text.tower, old.tokenizer, vocabulary, {n: weight.float() for n, weight in weights.items()})


def _of_bert(folder: Path, model: ModelConfig) -> TextStart:
    config = _read_json(folder / "config.json")
    for key, wanted in FIXED.items():
        if config.get(key, wanted) != wanted:
            raise BundleError(
                f"model.start_text: {folder}/config.json: {key} is {str(config[key])[:80]!r}; only {wanted!r} is read:"
                " give a BERT with MeCab and WordPiece"
            )
    tokenizer = _tokenizer(folder)
    vocabulary = tuple(read_vocabulary(folder / VOCABULARY))
    spec = _shape(folder, config, model.text.projection_width)
    if len(vocabulary) != spec.vocabulary:
        raise BundleError(
            f"model.start_text: {folder / VOCABULARY} has {len(vocabulary)} tokens, config.json says {spec.vocabulary}:"
            " this is another model's vocabulary"
        )
    file = next((folder / name for name in CHECKPOINTS if (folder / name).is_file()), None)
    if file is None:
        raise BundleError(f"model.start_text: {folder} has no {' nor '.join(CHECKPOINTS)}: add the weights")
    state = read_checkpoint(file)
    if not any(name.startswith("bert.") for name in state):  # a BertModel saved alone
        state = {f"bert.{name}": tensor for name, tensor in state.items()}
    with torch.device("meta"):
        shapes = {
            name: tensor.shape
            for name, tensor in build_text_tower(TextPart(tower=spec, spec=model.text_spec), model.dimension)
            .state_dict()
            .items()
        }
    weights = convert(str(file), state, bert_rules("bert", "bert", spec.depth), shapes, UNUSED)
    return TextStart(spec, tokenizer, vocabulary, weights)


def _tokenizer(folder: Path) -> TokenizerSpec:
    if not (folder / VOCABULARY).is_file():
        raise BundleError(
            f"model.start_text: {folder} has no {VOCABULARY}: only a WordPiece vocabulary is read, no SentencePiece"
        )
    file = folder / "tokenizer_config.json"
    said = _read_json(file) if file.is_file() else {}
    for key, wanted in TOKENIZES.items():
        if said.get(key, wanted) != wanted:
            raise BundleError(
                f"model.start_text: {file}: {key} is {str(said[key])[:80]!r}; only {wanted!r} is read: give a BERT with"
                " MeCab and WordPiece"
            )
    used = (said.get("mecab_kwargs") or {}).get("mecab_dic", DICTIONARY)
    if used != DICTIONARY:
        raise BundleError(f"model.start_text: {file}: mecab_dic is {str(used)[:80]!r}; only {DICTIONARY!r} is read")
    dictionary, version = installed_dictionary()
    return TokenizerSpec(
        kind="mecab_wordpiece",
        lower_case=bool(said.get("do_lower_case", False)),
        dictionary=dictionary,
        dictionary_version=version,
    )


def _shape(folder: Path, config: Mapping[str, Any], projection_width: int) -> BertSpec:
    try:
        return BertSpec(
            vocabulary=config["vocab_size"],
            width=config["hidden_size"],
            depth=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            mlp_width=config["intermediate_size"],
            positions=config["max_position_embeddings"],
            eps=config.get("layer_norm_eps", 1e-12),
            projection_width=projection_width,
        )
    except KeyError as exc:
        raise BundleError(f"model.start_text: {folder}/config.json has no {exc.args[0]}: it is no BERT's") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        raise BundleError(
            f"model.start_text: {folder}/config.json: {first['loc'][0]}: {first['msg']},"
            f" got {str(first['input'])[:80]!r}"
        ) from exc


def _read_json(file: Path) -> dict[str, Any]:
    try:
        found = read_small_json(file)
        if not isinstance(found, dict):
            raise ValueError("it is no object")
    except (OSError, ValueError, RecursionError) as exc:
        raise BundleError(f"model.start_text: {file} cannot be read as JSON: {str(exc)[:200]}") from exc
    return found
