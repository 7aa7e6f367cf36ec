"""The studies of bench_parts.py: drawn in memory, embedded as ingest does it, and frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from echosearch.batch import batched
from echosearch.encoder.forward import on_device
from echosearch.encoder.torch_encoder import TorchEncoder
from echosearch.encoder.towers.build import normalise
from echosearch.encoder.towers.video_conv import VideoConv
from echosearch.search.arms.view_weights import view_name
from echosearch.vector import Vectors, mean_vector
from trainer.config import FIVE_VIEWS, DataConfig
from trainer.data.cache import ClipCache, open_cache
from trainer.data.pairs import Study, Truth, Video
from trainer.data.sources import load_studies
from trainer.evaluation.few_shot import EfStudies


@dataclass(frozen=True)
class Set:
    """The studies of one seed. ``kinds`` are the views and modes of each study's clips."""

    studies: tuple[Study, ...]
    ef: EfStudies
    kinds: tuple[tuple[str, ...], ...]
    frames: tuple[Vectors, ...]  # of each study (clips, frames, D)

    @property
    def patients(self) -> list[str]:
        return [study.patient for study in self.studies]

    @property
    def truths(self) -> list[Truth]:
        return [study.truth for study in self.studies if study.truth is not None]


def kind_of(video: Video) -> str:
    return view_name(video.view.value if video.view else None, "color" if video.color else None)


def embedded(encoder: TorchEncoder, videos: Sequence[Video], cache: ClipCache) -> tuple[Vectors, Vectors]:
    """Return (M, D) of each clip, and (M, T, D) what the tower gives if its pool over time sees one frame alone.

    A frame's features have looked at the frame before and the one after.
    """
    tower = encoder.tower("video")
    assert isinstance(tower, VideoConv)
    whole, frames = [], []
    with torch.inference_mode():
        for block in batched(videos, 64):
            clips = [cache.clip(video.key) for video in block]
            assert all(clip.n_valid == encoder.clip_spec.frames for clip in clips)
            trunk = tower.trunk(normalise(*on_device(clips, encoder.device), encoder.clip_spec))  # (B, T, places, C)
            whole.append(tower.head(tower.places(trunk)).numpy())
            each = tower.head(tower.places(trunk.flatten(0, 1)[:, None]))
            frames.append(each.unflatten(0, trunk.shape[:2]).numpy())
    return np.concatenate(whole), np.concatenate(frames)


def drawn(encoder: TorchEncoder, seed: int, patients: int, out: Path) -> Set:
    """Return the studies of a seed; their clips and vectors stay in ``out``."""
    data = DataConfig(level="hard", patients=patients, phantom_seed=seed)
    studies = load_studies(data)
    own = [study.of_views(FIVE_VIEWS, data.min_view_prob) for study in studies]
    seen = [video for videos in own for video in videos]
    kept = out / f"vectors-{encoder.id.fingerprint[:12]}-{seed}-{patients}.npz"
    if not kept.exists():
        clips, frames = embedded(encoder, seen, open_cache(out / "cache", seen, encoder.clip_spec))
        np.savez(kept, clips=clips, frames=frames)
    with np.load(kept) as there:
        apart = np.cumsum([len(videos) for videos in own])[:-1]
        each, every = (tuple(np.split(there[name], apart)) for name in ("clips", "frames"))
    ef = np.array([study.truth.ef for study in studies if study.truth is not None])
    means = np.stack([mean_vector([*clips]) for clips in each])
    kinds = tuple(tuple(kind_of(video) for video in videos) for videos in own)
    count = len({study.patient for study in studies})
    print(f"seed {seed}: {len(own)} studies of {count} patients, {len(seen)} cines of the five views", flush=True)
    return Set(studies, EfStudies(ef, means, each), kinds, every)
