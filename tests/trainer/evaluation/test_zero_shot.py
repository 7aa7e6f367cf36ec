"""Findings and EF read off vectors by prompts, on made-up vectors whose answers are known."""

from collections.abc import Sequence

import numpy as np
import pytest

from echosearch.search.arms.prompts import zero_shot_prompts
from echosearch.vector import Vectors
from trainer.data.pairs import Study, Truth
from trainer.evaluation.zero_shot import FINDINGS, ejection_fraction, findings

NOTHING = dict.fromkeys(FINDINGS, 0)


def study(number: int, ef: float = 60.0, **grades: int) -> Study:
    return Study(f"s{number}", f"p{number}", "", (), truth=Truth(ef, NOTHING | grades))


def test_the_nearest_place_counts_not_the_mean_over_places() -> None:
    """A study that lies at one wall is told from one that lies between all three, though its mean is lower."""
    axes = np.eye(3, dtype=np.float32)

    def texts(prompts: Sequence[str]) -> Vectors:
        walls = [
            next((i for i, wall in enumerate(("前壁", "下壁", "側壁")) if wall in prompt), 0) for prompt in prompts
        ]
        return axes[walls]

    present, _ = zero_shot_prompts("rwma")
    assert [len({*map(tuple, texts(prompts))}) for prompts in present[:2]] == [1, 1]
    studies = [*(study(i, wall_motion=3) for i in range(3)), *(study(3 + i) for i in range(3))]
    videos = np.concatenate([axes, np.full((3, 3), 3**-0.5, np.float32)])
    (found,) = (f for f in findings(videos, studies, texts, samples=0) if f.name == "wall_motion")
    assert (found.positives, found.negatives) == (3, 3)
    assert found.present.value == 1.0


def test_studies_that_look_alike_have_no_finding_told_apart() -> None:
    rng = np.random.default_rng(0)
    videos = np.tile(rng.standard_normal(96).astype(np.float32), (30, 1))
    studies = [study(i, mr=3 if i % 3 else 0) for i in range(30)]
    found = findings(videos, studies, lambda texts: rng.standard_normal((len(texts), 96)).astype(np.float32), samples=0)
    assert [(f.name, f.present.value, f.contrast.value) for f in found] == [("mr", 0.5, 0.5)]


def test_ejection_fraction_is_the_middle_of_the_nearest_prompts() -> None:
    def at(value: float) -> list[float]:
        return [float(np.cos(value / 60)), float(np.sin(value / 60))]

    def texts(prompts: Sequence[str]) -> Vectors:
        values = [float("".join(c for c in prompt if c.isdigit())) for prompt in prompts]
        return np.array([at(value) for value in values], np.float32)

    truths = (25.0, 40.0, 62.0)
    found = ejection_fraction(np.array([at(ef) for ef in truths], np.float32), [study(0, ef) for ef in truths], texts)
    assert found is not None
    assert found.mean_absolute_error.value <= 0.5  # the middle of an even number of prompts
    assert found.correlation.value == pytest.approx(1.0, abs=1e-3)


def test_the_form_is_chosen_on_other_patients_than_it_is_scored_on() -> None:
    """Of noise the better of two forms is above chance where it was chosen, and at chance in others."""
    rng = np.random.default_rng(1)
    studies = [study(i, mr=3 if i % 2 else 0) for i in range(200)]
    best, chosen = [], []
    for _ in range(40):
        videos = rng.standard_normal((200, 16)).astype(np.float32)
        known: dict[str, np.ndarray] = {}

        def texts(prompts: Sequence[str], known: dict[str, np.ndarray] = known) -> Vectors:
            return np.stack([known.setdefault(p, rng.standard_normal(16).astype(np.float32)) for p in prompts])

        (found,) = findings(videos, studies, texts, samples=0)
        best.append(max(found.present.value, found.contrast.value))
        chosen.append(found.chosen.value)
    assert np.mean(best) > 0.51
    assert abs(np.mean(chosen) - 0.5) < 3 * np.std(chosen) / np.sqrt(len(chosen))


def test_an_encoder_that_knows_one_wording_alone_fails_in_the_other() -> None:
    present, absent = zero_shot_prompts("mr")
    known = {**dict.fromkeys(present[0], 1.0), **dict.fromkeys(absent, -1.0)}

    def texts(prompts: Sequence[str]) -> Vectors:
        return np.array([[known.get(prompt, 0.0), 1.0] for prompt in prompts], np.float32)

    studies = [study(i, mr=3 if i % 2 else 0) for i in range(20)]
    videos = np.array([[1.0 if i % 2 else -1.0, 1.0] for i in range(20)], np.float32)
    (found,) = findings(videos, studies, texts, samples=0)
    assert found.held_out is not None
    assert found.held_out_referral is not None
    assert (found.contrast.value, found.held_out.value, found.held_out_referral.value) == (1.0, 0.5, 0.5)
    (english,) = findings(videos, studies, texts, samples=0, language="en")
    assert english.held_out is None is english.held_out_referral
