"""Videos that learn towards a text tower which stays as it is: values that can be derived, and a run of it."""

import math

import pytest
import torch

from trainer.data.pairs import NO_PHRASE
from trainer.model.text_table import TextTable, begin_text_table


def test_a_longer_row_tells_more() -> None:
    made = TextTable(torch.tensor([0.5, 0.5]), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.1, 0.0]]))
    near = made.log_scale.exp().item()
    said = torch.tensor([[0, 1]])
    found = [made.loss(3 * torch.eye(3)[at : at + 1], said).item() for at in range(3)]
    expected = [math.log1p(math.exp(-near)) + math.log(2), math.log1p(math.exp(-0.1 * near)) + math.log(2)]
    assert found == pytest.approx([*expected, 2 * math.log(2)], rel=1e-5)


def test_the_calibration_leaves_the_texts_and_finds_what_they_are_worth() -> None:
    """Half of 2,000 studies lean to the first phrase and say it; the second is said at random."""
    chance = torch.Generator().manual_seed(0)
    kind, other = torch.arange(2000) % 2, torch.rand(2000, generator=chance) < 0.25
    studies = torch.eye(8)[kind] + 2 + 0.3 * torch.randn(2000, 8, generator=chance)  # all lean one way
    rows = torch.stack([torch.where(kind == 0, 0, NO_PHRASE), torch.where(other, 1, NO_PHRASE)], dim=1)
    towards = torch.eye(8)[[0, 5]]
    made = TextTable(torch.tensor([0.5, 0.25]), towards.clone())
    before = made.loss(studies, rows).item()
    begin_text_table(made, studies, rows)
    assert torch.equal(made.towards, towards)
    frequencies = math.log(2) - 0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    assert made.loss(studies, rows).item() < frequencies < before
