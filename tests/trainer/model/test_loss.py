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


def test_a_twin_joins_the_softmax_of_its_own_row_alone() -> None:
    """Two studies at right angles, scale 2; the first has a twin at 45 degrees to it and to the other."""
    pairs, twin = torch.eye(2), TwinTexts(torch.tensor([[3.0, 3.0]]), torch.tensor([0]))
    near = math.exp(2 / math.sqrt(2))
    first, other = (-math.log(math.exp(2) / (math.exp(2) + 1 + more)) for more in (near, 0))
    found = contrastive(pairs, pairs, torch.tensor(2.0), twins=twin)
    assert found.item() == pytest.approx(((first + other) / 2 + other) / 2, rel=1e-6)
    half = TwinTexts(twin.vectors, twin.owner, weight=0.5)
    first = -math.log(math.exp(2) / (math.exp(2) + 1 + near / 2))
    found = contrastive(pairs, pairs, torch.tensor(2.0), twins=half)
    assert found.item() == pytest.approx(((first + other) / 2 + other) / 2, rel=1e-6)


@pytest.mark.parametrize("soft", [0.0, 0.5])
def test_studies_of_one_patient_are_no_negatives(soft: float) -> None:
    """Three equal studies, two of one patient: those choose among two, the third among three."""
    same, phrases = torch.ones(3, 8), torch.tensor([[1], [1], [2]])
    found = contrastive(same, same, SCALE, phrases, soft, torch.tensor([7, 7, 8]))
    assert found.item() == pytest.approx((2 * math.log(2) + math.log(3)) / 3, abs=1e-6)
    apart = contrastive(same, same, SCALE, phrases, soft, torch.tensor([6, 7, 8]))
    assert apart.item() == pytest.approx(math.log(3), abs=1e-6)


def test_videos_of_one_view_cost_less_together() -> None:
    """Two of view 0 in one direction, one of view 1 at right angles, one of no known view that counts for nothing."""
    videos = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    found = same_view(videos, torch.tensor([0, 0, 1, -1]), temperature=0.5)
    assert found.item() == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + 1)), rel=1e-6)
    assert same_view(videos, torch.tensor([0, 1, 2, -1])).item() == 0.0


def test_gradients_of_twins_and_views_reach_both_towers() -> None:
    videos, texts, twins = (torch.randn(3, 8, requires_grad=True) for _ in range(3))
    contrastive(videos, texts, SCALE, twins=TwinTexts(twins, torch.tensor([0, 0, 2]))).backward()
    seen = [tensor.grad.abs().sum().item() for tensor in (videos, texts, twins) if tensor.grad is not None]
    assert len(seen) == 3
    assert min(seen) > 0
    alone = torch.randn(3, 8, requires_grad=True)
    same_view(alone, torch.tensor([0, 0, 1])).backward()
    assert alone.grad is not None
    assert (alone.grad.abs().sum(dim=1) > 0).all()


def _vectors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    videos, texts = (torch.randn(6, 8, generator=generator) for _ in range(2))
    return videos, texts, torch.tensor([[1, 2], [1, 2], [3, 4], [1, 2], [5, 6], [3, 4]])


PATIENTS = torch.tensor([1, 2, 3, 1, 4, 3])
VIEWS = torch.tensor([0, 1, 0, 1, 2, 0])


def _loss(linear: torch.nn.Linear, scale: torch.Tensor, rows: slice, seen: slice) -> torch.Tensor:
    """All terms over ``rows`` of the studies and ``seen`` of the videos; each study has one twin."""
    videos, texts, phrases = _vectors()
    own = texts[rows]
    twins = TwinTexts(linear(own.flip(1)), torch.arange(len(own)))
    found = contrastive(linear(videos[rows]), linear(own), scale, phrases[rows], 0.3, PATIENTS[rows], twins)
    return found + same_view(linear(videos[seen]), VIEWS[seen])


def _two(rank: int, meeting: str, out: str) -> None:
    """One of two processes: its half of the rows, and the gradients that DDP would leave (their mean)."""
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=2)
    linear = torch.nn.Linear(8, 8, bias=False)
    torch.nn.init.eye_(linear.weight)
    scale = torch.tensor(5.0, requires_grad=True)
    loss = _loss(linear, scale, slice(rank * 3, rank * 3 + 3), slice(0, 4) if rank == 0 else slice(4, 6))
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
    linear = torch.nn.Linear(8, 8, bias=False)
    torch.nn.init.eye_(linear.weight)
    scale = torch.tensor(5.0, requires_grad=True)
    loss = _loss(linear, scale, slice(0, 6), slice(0, 6))
    loss.backward()
    for mine, theirs in zip((loss.detach(), linear.weight.grad, scale.grad), both, strict=True):
        assert mine is not None
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
