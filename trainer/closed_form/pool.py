"""Embed studies as far as the pool of a video tower, as they are and altered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echosearch.batch import batched
from echosearch.clip import Clip, ClipSpec
from echosearch.encoder.forward import on_device
from echosearch.encoder.towers.build import normalise
from echosearch.encoder.towers.video_conv import VideoConv
from trainer.data.augment import AugmentConfig, alter, draw_augmentation
from trainer.data.cache import ClipCache
from trainer.progress import say
from trainer.warm_start.pool_init import init_path

__all__ = ["pooled", "set_path"]

PATH_CLIPS = 512  # of all, that give the path its directions
CLIPS = 64  # held in memory at a time

Floats = NDArray[np.float64]


def set_path(tower: VideoConv, clips: ClipCache, keys: Sequence[str]) -> None:
    """Set the path of the tower's pool: the directions in which frames move most."""
    pool = tower.places
    assert pool.path is not None
    few = keys[:: max(len(keys) // PATH_CLIPS, 1)][:PATH_CLIPS]
    with torch.inference_mode():
        blocks = ([clips.clip(key) for key in block] for block in batched(few, CLIPS))
        frames = [each for own in blocks for each in pool.readout(_trunk(tower, clips.spec, own)).flatten(2)]
    init_path(pool.path, frames)


def pooled(
    tower: VideoConv,
    clips: ClipCache,
    keys: Sequence[Sequence[str]],
    augment: AugmentConfig,
    seed: int,
) -> list[Floats]:
    """Return the means (N, F) of what the pool gives of each study's videos: as they are and, if any are, altered."""

    def seen(row: int, altered: bool) -> list[Clip]:
        own = [clips.clip(key) for key in keys[row]]
        if not altered:
            return own
        rng = np.random.default_rng([seed, row])
        mirrored = bool(rng.random() < augment.mirror)
        return [replace(clip, pixels=alter(clip.pixels, draw_augmentation(augment, mirrored, rng))) for clip in own]

    def mean(row: int, altered: bool) -> Tensor:
        if not (row + 1) % 100:
            say(f"{row + 1} of {len(keys)} studies embedded{' altered' if altered else ''}")
        pool = tower.places
        given = [pool.gated(pool.seen(_trunk(tower, clips.spec, few))) for few in batched(seen(row, altered), CLIPS)]
        return torch.cat(given).mean(dim=0)

    ways = (False,) if augment == AugmentConfig() else (False, True)
    with torch.inference_mode():
        return [torch.stack([mean(row, way) for row in range(len(keys))]).double().numpy() for way in ways]


def _trunk(tower: VideoConv, spec: ClipSpec, clips: Sequence[Clip]) -> Tensor:
    trunk: Tensor = tower.trunk(normalise(*on_device(clips, next(tower.parameters()).device), spec))
    return trunk
