"""The phrase table, the pace of each tensor, and batches that move clips: values that can be derived."""

import math

import pytest
import torch
from torch import nn

from trainer.config import OptimConfig
from trainer.data.pairs import NO_PHRASE
from trainer.loop.optimizer import make_optimizer, scale_of
from trainer.model.phrase_parts import phrase_parts
from trainer.model.phrase_table import PhraseTable, begin_table
from trainer.warm_start.text_head import typed_forms


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


def test_parts_are_tokens_and_pairs_that_several_phrases_have() -> None:
    parts = phrase_parts([[7, 8], [7, 8, 9], [5], [9, 9]])
    assert parts.shape == (4, 4)  # 7, 8, 9 and the pair 7 8: all else stands in one phrase
    assert parts.count_nonzero(dim=1).tolist() == [3, 4, 0, 1]
    assert parts.norm(dim=1).tolist() == pytest.approx([1.0, 1.0, 0.0, 1.0])


def test_phrases_learn_from_those_that_share_their_words() -> None:
    """Half of 2,000 studies lie in one direction, which their reports say in 100 ways; the others have 100 others."""
    chance, ways = torch.Generator().manual_seed(0), 100
    kind, way = torch.arange(2000) % 2, torch.arange(2000) // 2 % ways
    studies = torch.eye(16)[kind] + 0.5 * torch.randn(2000, 16, generator=chance)
    rows = (kind * ways + way)[:, None]
    share = (torch.bincount(rows[:, 0], minlength=2 * ways) + 0.5) / 2001
    parts = phrase_parts([[phrase // ways, 2 + phrase % ways] for phrase in range(2 * ways)])
    near = {}
    for name, given in (("alone", None), ("shared", parts)):
        made = PhraseTable(share, 16, given)
        begin_table(made, studies, rows)
        towards = torch.eye(16)[:1] - torch.eye(16)[1:2]
        near[name] = torch.cosine_similarity(made.phrases(apart=True)[:ways], towards).mean().item()
    assert near["shared"] > near["alone"] + 0.1


def test_each_tensor_learns_at_the_pace_of_its_size() -> None:
    first = nn.Linear(4, 2)
    model = nn.Sequential(first, nn.LayerNorm(2))
    nn.init.constant_(first.weight, 0.5)
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
        ("重度の僧帽弁逆流あり", ("重度僧帽弁逆流", "重度の僧帽弁逆流", "僧帽弁逆流あり", "僧帽弁逆流")),
        ("大量心嚢液貯留を認める", ("大量心嚢液貯留", "大量の心嚢液貯留", "心嚢液貯留あり", "心嚢液貯留")),
        ("severe MRあり", ("severe MR", "MRあり", "MR")),
        ("ペースメーカーリードあり", ("ペースメーカーリード",)),
        ("局所壁運動異常あり(前壁壁運動低下)", ("局所壁運動異常", "局所壁運動異常あり")),
        ("局所壁運動異常を認める （下壁）", ("局所壁運動異常", "局所壁運動異常を認める")),
        ("重度の僧帽弁逆流あり（偏位）", ("重度僧帽弁逆流", "重度の僧帽弁逆流", "僧帽弁逆流あり", "僧帽弁逆流")),
        ("局所壁運動異常なし(前壁)", ()),
        ("(所見あり)", ()),
        ("左室拡大なし", ()),
        ("EF 55%", ()),
        ("あり", ()),
    ],
)
def test_what_is_typed_for_a_phrase_says_that_something_is_there(phrase: str, typed: tuple[str, ...]) -> None:
    assert typed_forms(phrase) == typed
