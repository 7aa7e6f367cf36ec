"""The phrase table, the pace of each tensor, and batches that move clips: values that can be derived."""

import math

import pytest
import torch
from torch import nn

from trainer.config import OptimConfig
from trainer.loss import NO_PHRASE
from trainer.optimizer import make_optimizer, scale_of
from trainer.table import PhraseTable
from trainer.texts import as_typed


def table() -> PhraseTable:
    """Three phrases at right angles to each other."""
    made = PhraseTable(torch.tensor([0.5, 0.25, 0.25]), 4)
    with torch.no_grad():
        made.vectors.copy_(2 * torch.eye(4)[:3])
    return made


def test_a_video_that_tells_nothing_costs_what_the_shares_cost() -> None:
    videos = torch.eye(4)[3:]  # at right angles to all phrases
    said = torch.tensor([[0, NO_PHRASE, NO_PHRASE]])
    expected = -(math.log(0.5) + 2 * math.log(0.75))
    assert table().loss(videos, said).item() == pytest.approx(expected, rel=1e-6)


def test_a_video_that_points_at_a_phrase_raises_its_log_odds_by_the_scale() -> None:
    made = table()
    log_odds = math.log(0.25 / 0.75) + made.log_scale.exp().item()
    expected = math.log1p(math.exp(-log_odds)) - math.log(0.5) - math.log(0.75)
    found = made.loss(5 * torch.eye(4)[1:2], torch.tensor([[1, NO_PHRASE]]))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_reports_are_the_sum_of_their_phrases_less_the_usual() -> None:
    found = table().reports(torch.tensor([[0, 2], [NO_PHRASE, NO_PHRASE]]))
    assert found.tolist() == [pytest.approx([0.5, -0.25, 0.75, 0]), pytest.approx([-0.5, -0.25, -0.25, 0])]


def test_each_tensor_learns_at_the_pace_of_its_size() -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.LayerNorm(2))
    nn.init.constant_(model[0].weight, 0.5)
    scales = {
        id(group["params"][0]): group["scale"]
        for group in make_optimizer(model, OptimConfig(steps=1, scaled=True)).param_groups
    }
    assert scales[id(model[0].weight)] == pytest.approx(0.5)
    assert scales[id(model[0].bias)] <= 0.1
    assert scales[id(model[1].weight)] == pytest.approx(0.1)  # ones, held to FASTEST
    assert scale_of(torch.zeros(3)) == pytest.approx(0.03)
    plain = make_optimizer(model, OptimConfig(steps=1)).param_groups
    assert {group["scale"] for group in plain} == {1.0}
    assert [group["weight_decay"] for group in plain] == [0.05, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("phrase", "typed"),
    [
        ("重度の僧帽弁逆流あり", ("重度の僧帽弁逆流", "僧帽弁逆流あり", "僧帽弁逆流")),
        ("大量心嚢液貯留を認める", ("大量心嚢液貯留", "心嚢液貯留あり", "心嚢液貯留")),
        ("ペースメーカーリードあり", ("ペースメーカーリード",)),
        ("左室拡大なし", ()),
        ("EF 55%", ()),
        ("あり", ()),
    ],
)
def test_what_is_typed_for_a_phrase_says_that_something_is_there(phrase: str, typed: tuple[str, ...]) -> None:
    assert as_typed(phrase) == typed
