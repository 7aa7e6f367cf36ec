"""BERT on torch alone against transformers' BertModel: same weights, same values."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from echosearch.encoder.bundle.manifest import BertSpec
from echosearch.encoder.published.keys import bert_rules, convert
from echosearch.encoder.towers.bert import TextTower


@pytest.fixture
def theirs() -> BertModel:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=50, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=40, layer_norm_eps=1e-12,
    )  # fmt: skip
    model: BertModel = BertModel(config, add_pooling_layer=False).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)  # far from the initial values, so that every part matters
    return model


def ours(theirs: BertModel) -> TextTower:
    spec = BertSpec(vocabulary=50, width=48, depth=3, heads=4, mlp_width=96, positions=40, projection="linear")
    tower = TextTower(spec, 48).eval()
    state = {f"bert.{name}": tensor for name, tensor in theirs.state_dict().items()}
    weights = convert("test", state, bert_rules("bert", "bert", 3), {}, unused=("bert.embeddings.position_ids",))
    tower.load_state_dict(weights, strict=False)
    return tower


def test_the_values_are_transformers_own(theirs: BertModel) -> None:
    tower = ours(theirs)
    ids = torch.randint(1, 50, (5, 40))
    for row, length in enumerate((40, 17, 3, 1, 39)):
        ids[row, length:] = 0
    with torch.inference_mode():
        expected = theirs(input_ids=ids, attention_mask=(ids != 0).long()).last_hidden_state
        found = tower.bert(ids)
    for row, length in enumerate((40, 17, 3, 1, 39)):
        torch.testing.assert_close(found[row, :length], expected[row, :length], atol=2e-5, rtol=1e-4)


def test_padding_changes_no_vector(theirs: BertModel) -> None:
    tower = ours(theirs)
    ids = torch.randint(1, 50, (1, 9))
    padded = torch.cat([ids, torch.zeros((1, 20), dtype=torch.long)], dim=1)
    with torch.inference_mode():
        torch.testing.assert_close(tower(padded), tower(ids), atol=1e-5, rtol=1e-5)
