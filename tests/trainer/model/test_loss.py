"""The losses: values that can be derived, and the same over two processes as in one."""

import math
import sys
from pathlib import Path

import pytest
import torch
from torch.multiprocessing.spawn import spawn

from trainer.data.pairs import NO_PHRASE
from trainer.model.loss import TwinTexts, contrastive, same_view, shared_phrases, targets

SCALE = torch.tensor(14.0)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_identical_vectors_give_log_of_the_batch(batch: int) -> None:
    same = torch.ones(batch, 8)
    assert contrastive(same, 3 * same, SCALE).item() == pytest.approx(math.log(batch), abs=1e-6)


def test_soft_targets_of_identical_vectors_give_it_too() -> None:
    phrases = torch.tensor([[1, 2], [1, 2], [3, NO_PHRASE]])
    same = torch.ones(3, 8)
    assert contrastive(same, same, SCALE, phrases, 0.5).item() == pytest.approx(math.log(3), abs=1e-6)


def test_right_pairs_cost_less_than_wrong_ones() -> None:
    vectors = torch.eye(4)
    assert contrastive(vectors, vectors, SCALE).item() == pytest.approx(math.log(1 + 3 * math.exp(-14)), abs=1e-6)
    assert contrastive(vectors, vectors.roll(1, 0), SCALE).item() > 13


def test_shared_phrases_is_the_jaccard_index() -> None:
    a = torch.tensor([[1, 2, 3, NO_PHRASE], [4, NO_PHRASE, NO_PHRASE, NO_PHRASE]])
    assert shared_phrases(a, a).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    b = torch.tensor([[2, 3, 5, 6]])
    assert shared_phrases(a, b).tolist() == [[pytest.approx(2 / 5)], [0.0]]


def test_targets_go_to_reports_that_say_the_same() -> None:
    phrases = torch.tensor([[1, 2], [2, 1], [3, 4]])
    wanted = targets(phrases, phrases, torch.arange(3), 0.4)
    assert wanted.sum(dim=1).tolist() == pytest.approx([1, 1, 1])
    assert wanted[0].tolist() == pytest.approx([0.8, 0.2, 0.0])  # an equal report gets half of what is soft
    assert wanted[2].tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_a_twin_joins_the_softmax_of_its_own_study_alone() -> None:
    vectors, scale = torch.eye(3), torch.tensor(2.0)
    twins = TwinTexts(torch.stack([vectors[0], -vectors[0]]), torch.tensor([0, 0]), weight=0.5)
    e = math.exp(2)
    plain, rows = math.log(e + 2) - 2, [math.log(e + 2 + 0.5 * e + 0.5 / e) - 2, *[math.log(e + 2) - 2] * 2]
    assert contrastive(vectors, vectors, scale, twins=twins).item() == pytest.approx((sum(rows) / 3 + plain) / 2)


def test_studies_of_one_patient_are_not_each_others_negatives() -> None:
    same = torch.ones(3, 8)
    patients = torch.tensor([4, 4, 9])
    apart = contrastive(same, same, SCALE, patients=patients).item()
    assert apart == pytest.approx((2 * math.log(2) + math.log(3)) / 3, abs=1e-6)
    phrases = torch.tensor([[1, 2], [1, 2], [3, 4]])
    assert contrastive(same, same, SCALE, phrases, 0.5, patients).item() == pytest.approx(apart, abs=1e-6)


def test_videos_of_one_view_are_held_together() -> None:
    videos = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    views = torch.tensor([0, 0, 1, -1])  # the last is of no known view
    assert same_view(videos, views, temperature=0.5).item() == pytest.approx(math.log(math.exp(2) + 1) - 2, abs=1e-6)
    assert same_view(videos, torch.tensor([0, 1, 2, -1])).item() == 0


def _vectors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    videos, texts = (torch.randn(6, 8, generator=generator) for _ in range(2))
    return videos, texts, torch.tensor([[1, 2], [1, 2], [3, 4], [1, 2], [5, 6], [3, 4]])


def _loss(
    linear: torch.nn.Linear,
    videos: torch.Tensor,
    texts: torch.Tensor,
    scale: torch.Tensor,
    phrases: torch.Tensor,
    rows: slice,
) -> torch.Tensor:
    """All losses of these rows: soft targets, patients, a twin of each study, views."""
    patients, views = torch.tensor([1, 2, 3, 1, 4, 4])[rows], torch.tensor([0, 1, 0, 1, 1, -1])[rows]
    twins = TwinTexts(linear(texts + 0.5), torch.arange(len(texts)), weight=2.0)
    made = contrastive(linear(videos), linear(texts), scale, phrases, 0.3, patients, twins)
    return made + same_view(linear(videos), views)


def _two(rank: int, meeting: str, out: str) -> None:
    """One of two processes: its half of the rows, and the gradients that DDP would leave (their mean)."""
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=2)
    videos, texts, phrases = (whole[rank * 3 : rank * 3 + 3].clone() for whole in _vectors())
    linear = torch.nn.Linear(8, 8, bias=False)
    torch.nn.init.eye_(linear.weight)
    scale = torch.tensor(5.0, requires_grad=True)
    loss = _loss(linear, videos, texts, scale, phrases, slice(3 * rank, 3 * rank + 3))
    loss.backward()
    for tensor in (linear.weight.grad, scale.grad, value := loss.detach()):
        assert tensor is not None
        dist.all_reduce(tensor)
        tensor /= 2
    if rank == 0:
        torch.save([value, linear.weight.grad, scale.grad], out)
    dist.destroy_process_group()


@pytest.mark.skipif(sys.platform != "linux", reason="gloo over loopback")
def test_two_processes_have_the_loss_and_gradients_of_one(tmp_path: Path) -> None:
    spawn(_two, (str(tmp_path / "meeting"), str(tmp_path / "two.pt")), nprocs=2)
    both = torch.load(tmp_path / "two.pt", weights_only=True)
    videos, texts, phrases = _vectors()
    linear = torch.nn.Linear(8, 8, bias=False)
    torch.nn.init.eye_(linear.weight)
    scale = torch.tensor(5.0, requires_grad=True)
    loss = _loss(linear, videos, texts, scale, phrases, slice(0, 6))
    loss.backward()
    for mine, theirs in zip((loss.detach(), linear.weight.grad, scale.grad), both, strict=True):
        assert mine is not None
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
