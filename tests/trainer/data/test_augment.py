"""Clips that are altered in training."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from trainer.config import TrainConfig
from trainer.data.augment import Augmentation, AugmentConfig, alter, draw_augmentation
from trainer.data.batches import Batches
from trainer.run import prepare_run


def clip() -> np.ndarray:
    """Return three frames with a bright column left of the middle and a coloured spot below the probe."""
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    pixels[:, :, 8] = 120
    pixels[:, 16, 16] = (200, 40, 0)
    return pixels


def test_the_defaults_leave_a_clip_as_it_is() -> None:
    rng = np.random.default_rng(0)
    assert {draw_augmentation(AugmentConfig(), False, rng) for _ in range(20)} == {Augmentation()}
    assert np.array_equal(alter(clip(), Augmentation()), clip())


def test_a_mirrored_clip_has_its_columns_the_other_way_and_nothing_else() -> None:
    assert np.array_equal(alter(clip(), Augmentation(mirrored=True)), clip()[:, :, ::-1])


def test_depth_scales_about_the_probe_and_brings_in_black() -> None:
    deeper = alter(clip(), Augmentation(scale=0.5))
    at = np.argwhere(deeper[0, :, :, 0] > 60)
    assert at[:, 0].max() <= 16  # what was 32 rows deep is in the upper half
    assert deeper[0, 8, 16, 0] > deeper[0, 8, 16, 1]  # the spot, half as deep, in its colour
    assert deeper[:, 20:].max() == 0


def test_a_picture_ends_at_its_reach() -> None:
    pixels = np.full((2, 32, 32, 3), 90, np.uint8)
    shown = alter(pixels, Augmentation(reach=0.5))[:, :, :, 0] > 0
    assert shown[0, 15, 16]
    assert not shown[:, 18:].any()
    assert not shown[0, 13, 2]  # an arc about the probe
    assert np.array_equal(shown[0], shown[1])


def test_a_share_of_the_clips_is_seen_at_another_depth() -> None:
    rng = np.random.default_rng(4)
    config = AugmentConfig(depth=(0.7, 0.8), depth_share=0.25, reach=(0.6, 1.2))
    drawn = [draw_augmentation(config, False, rng) for _ in range(400)]
    assert 0.18 < np.mean([how.scale != 1.0 for how in drawn]) < 0.32
    assert min(how.reach for how in drawn) >= 0.6
    assert max(how.reach for how in drawn) <= 1.2


def test_a_shift_does_not_come_in_again_on_the_other_side() -> None:
    moved = alter(clip(), Augmentation(shift=(-12, 3)))
    assert moved[0, :, 20:].max() == 0
    assert moved[0, 19, 4, 0] == 200


def test_gain_and_gamma_keep_black_and_the_order_of_levels() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    for how in (Augmentation(gain=25), Augmentation(gain=-25), Augmentation(gamma=1.6), Augmentation(gamma=0.6)):
        made = alter(levels, how).astype(int).reshape(256, 3)
        assert (made[0] == 0).all()
        assert (np.diff(made[1:, 0]) >= 0).all()
    assert alter(levels, Augmentation(gain=25)).reshape(256, 3)[100, 0] == 125
    assert alter(levels, Augmentation(gamma=1.6)).reshape(256, 3)[128, 0] < 128


def test_a_batch_mirrors_whole_studies_and_is_the_same_again(config: TrainConfig) -> None:
    data = config.data.model_copy(update={"augment": AugmentConfig(mirror=0.5)})
    ready = prepare_run(config)
    plain = Batches(ready.studies["train"], ready.cache, ready.start.tokenizer, config)
    altered = Batches(
        ready.studies["train"], ready.cache, ready.start.tokenizer, config.model_copy(update={"data": data})
    )
    sides = set()
    for step in range(4):
        (before,), (after,), (again,) = plain.step(step), altered.step(step), altered.step(step)
        assert after.keys == before.keys
        assert np.array_equal(after.pixels, again.pixels)
        turned = [bool((a == b.flip(2)).all()) for a, b in zip(after.pixels, before.pixels, strict=True)]
        kept = [bool((a == b).all()) for a, b in zip(after.pixels, before.pixels, strict=True)]
        assert all(one or other for one, other in zip(turned, kept, strict=True))
        for study in range(before.n_studies):
            own = {turned[i] for i, owner in enumerate(before.owner) if owner == study}
            assert len(own) == 1
            sides |= own
    assert sides == {True, False}


def test_a_range_is_from_the_smaller_to_the_larger() -> None:
    with pytest.raises(ValidationError, match="depth"):
        AugmentConfig(depth=(1.3, 0.75))
