"""Attention over a study's clips begins at the head without it, finds the clip that tells, and sees no other study."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.benchmarks import study_attention
from tests.benchmarks.parts_findings import refitted, stacked, weighed
from tests.benchmarks.study_attention import Bags, StudyHead, fitted, read

WIDTH = 8


def bags(seed: int, count: int, sees: str = "") -> tuple[Bags, NDArray[np.bool_]]:
    """Studies of two to five clips, one of them of the view that tells of a finding, by its second number."""
    rng = np.random.default_rng(seed)
    there = rng.random(count) < 0.5
    clips = []
    for row in range(count):
        own = rng.standard_normal((rng.integers(2, 6), WIDTH)).astype(np.float32)
        own[:, 0] = 0
        own[rng.integers(len(own)), :2] = (4, 2 if there[row] else -2)
        clips.append(own)
    padded, valid = stacked(clips)
    return Bags(padded, valid, {"": None, "vector": padded, "view": (padded[..., :1] > 1).float()}[sees]), there[
        :, None
    ]


@pytest.mark.parametrize("sees", ["vector", "view"])
def test_attention_finds_the_clip_that_tells(sees: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_attention, "STRENGTHS", (0.1, 1.0))
    train, truth = bags(1, 80, sees)
    test, asked = bags(2, 60, sees)
    found = read(train, truth, [f"p{row // 2}" for row in range(80)], test)
    tells = (test.clips[..., 0] > 1).numpy()
    assert found.attention[tells].mean() > 0.6  # 0.3 if uniform
    assert found.attention.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    right = ((found.logits > 0) == asked).mean()
    alone = read(
        Bags(train.clips, train.valid, None),
        truth,
        [f"p{row}" for row in range(80)],
        Bags(test.clips, test.valid, None),
    )
    assert right > ((alone.logits > 0) == asked).mean()
    assert right > 0.9
    assert (alone.steps, found.steps[0] in study_attention.STEPS) == ((0,), True)


def test_attention_begins_uniform_and_at_the_head_alone() -> None:
    train, truth = bags(1, 40, "vector")
    known = torch.from_numpy(truth.astype(np.float32))
    step, model = next(fitted(train, known, torch.ones(1)))
    uniformly = Bags(train.clips, train.valid, None)
    _, alone = next(fitted(uniformly, known, torch.ones(1)))
    with torch.no_grad():
        assert step == 0
        assert torch.allclose(model(train), alone(uniformly), atol=1e-3)
        uniform = train.valid / train.valid.sum(dim=1, keepdim=True)
        assert torch.allclose(model.attention(train)[..., 0], uniform, atol=1e-6)


def test_a_study_is_read_by_its_own_clips() -> None:
    train, _ = bags(1, 12, "vector")
    torch.manual_seed(0)
    model = StudyHead(2, WIDTH, WIDTH)
    torch.nn.init.normal_(model.weigh)
    torch.nn.init.normal_(model.head)
    with torch.no_grad():
        whole = model(train)
        for row in range(12):
            assert torch.allclose(model(train.of(np.array([row])))[0], whole[row], atol=1e-5)


def test_a_view_counts_by_its_weight() -> None:
    scores, kinds = [np.array([1.0, 5.0, 9.0]), np.array([3.0])], [["4CH", "SAX", "SAX"], ["LAX"]]
    made = weighed(np.array([0.5, 0.7]), scores, kinds, {"4CH": 0.5, "SAX": 0.25})
    assert made == pytest.approx([(0.5 * 1 + 0.25 * (5 + 9)) / 1.0, 0.7])


def test_weights_are_fitted_as_those_that_ship() -> None:
    there = np.array([True, True, False, False])
    scores = [np.array([2.0, 1.0]), np.array([3.0, 2.0]), np.array([1.0, 1.0]), np.array([0.0, 2.0])]
    assert refitted(scores, [["4CH", "SAX"]] * 4, there) == {"4CH": 1.0}
