"""Train a view classifier: a small ConvNeXt that distinguishes the five views and the rest by single frames.

Labels are the views of the pairs (a phantom's, or views.csv through ingest); those under data.min_view_prob are left
out. Written as a view-classifier bundle, which ingest can use.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tomli_w
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from torch import Tensor, nn
from torch.nn import functional

from echosearch.clip import ClipSpec
from echosearch.encoder.bundle.manifest import BundleName, ConvNextSpec, ViewManifest
from echosearch.encoder.torch_encoder import pick_device
from echosearch.encoder.towers.build import normalise
from echosearch.encoder.towers.convnext import FrameConvNext
from echosearch.encoder.view_classifier import frame_logits, save_views
from echosearch.errors import ConfigError
from echosearch.video import View
from trainer.config import DataConfig, Seed
from trainer.data.cache import ClipCache, open_cache
from trainer.data.pairs import Study, Video
from trainer.data.sources import load_studies
from trainer.data.split import select_studies
from trainer.training_record import TRAINING

__all__ = ["ViewConfig", "fit_views", "load_view_config", "train_views"]


class ViewConfig(BaseModel):
    """One view classifier's run; ``kind`` distinguishes its TOML from an encoder's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Literal["view_classifier"]
    name: BundleName
    version: str = "1"
    seed: Seed = 0
    data: DataConfig
    tower: ConvNextSpec
    clip: ClipSpec
    steps: PositiveInt
    batch: PositiveInt = 32  # videos
    frames_seen: PositiveInt = 1  # of each video in a step
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup: PositiveInt = 20
    out: str
    device: str = "auto"


def load_view_config(file: Path) -> ViewConfig:
    """Load the config. Raises ConfigError that names the key."""
    try:
        return ViewConfig.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"{file} cannot be read as TOML: {exc}") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{file}: {key}: {first['msg']}, got {str(first['input'])[:80]!r}") from exc


def train_views(config: ViewConfig, progress: Callable[[int, int, float], None] | None = None) -> Path:
    """Train and write the bundle; gives its folder. Raises ConfigError, BundleError."""
    studies = load_studies(config.data)
    train, held_out = (
        _labelled(select_studies(studies, split, config.seed, config.data.split), config)
        for split in ("train", "validation")
    )
    data = config.data
    videos = [*train, *held_out]
    cache = open_cache(Path(data.cache), videos, config.clip, data.cache_frames, data.workers)
    tower = fit_views(config, train, cache, progress)
    accuracy = _accuracy(tower, held_out, cache, config)
    return _write(config, tower, len(train), accuracy)


def fit_views(
    config: ViewConfig,
    videos: Sequence[Video],
    cache: ClipCache,
    progress: Callable[[int, int, float], None] | None = None,
) -> nn.Module:
    """Return the trained tower, in eval mode on the CPU. The same config and videos give the same weights."""
    usable = [video for video in videos if cache.n_valid(video.key) > 0]
    if len(usable) < config.batch:
        raise ConfigError(f"batch {config.batch} is more than the {len(usable)} labelled videos to train on")
    device = pick_device(config.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        tower: nn.Module = FrameConvNext(config.tower, len(View)).to(device).train()
        optimizer = torch.optim.AdamW(tower.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        classes = list(View)
        for step in range(config.steps):
            rng = np.random.default_rng([config.seed, 104, step])
            share = min((step + 1) / config.warmup, 1.0) * (1 + np.cos(np.pi * step / config.steps)) / 2
            for group in optimizer.param_groups:
                group["lr"] = config.lr * share
            drawn = [usable[i] for i in rng.choice(len(usable), config.batch, replace=False)]
            pixels = torch.from_numpy(np.stack([_frames(video, cache, rng, config) for video in drawn])).to(device)
            wanted = torch.tensor([classes.index(video.view) for video in drawn if video.view], device=device)
            logits = frame_logits(tower, normalise(pixels, torch.full((len(drawn),), pixels.shape[1]), config.clip))
            each: Tensor = functional.cross_entropy(logits.flatten(0, 1), wanted.repeat_interleave(logits.shape[1]))
            optimizer.zero_grad(set_to_none=True)
            each.backward()
            optimizer.step()
            if progress and (step + 1) % 20 == 0:
                progress(step + 1, config.steps, float(each))
    return tower.eval().cpu()


def _labelled(studies: Sequence[Study], config: ViewConfig) -> list[Video]:
    return [v for s in studies for v in s.videos if v.view is not None and v.view_prob >= config.data.min_view_prob]


def _frames(video: Video, cache: ClipCache, rng: np.random.Generator, config: ViewConfig) -> Any:
    clip = cache.clip(video.key, int(rng.integers(cache.starts(video.key))))
    return clip.pixels[np.sort(rng.choice(clip.n_valid, config.frames_seen))]


def _accuracy(tower: nn.Module, videos: Sequence[Video], cache: ClipCache, config: ViewConfig) -> float:
    """As ingest classifies: the mean of the softmax over a clip's frames."""
    right = []
    with torch.inference_mode():
        for video in videos:
            if cache.n_valid(video.key) == 0:
                continue
            clip = cache.clip(video.key)
            video_in = normalise(torch.from_numpy(clip.pixels[None]), torch.tensor([clip.n_valid]), config.clip)
            mean = frame_logits(tower, video_in)[0, : clip.n_valid].softmax(dim=-1).mean(dim=0)
            right.append(list(View)[int(mean.argmax())] == video.view)
    return float(np.mean(right)) if right else float("nan")


def _write(config: ViewConfig, tower: nn.Module, n_train: int, accuracy: float) -> Path:
    out = Path(config.out)
    kind = "a real archive" if config.data.source == "archive" else "synthetic phantom studies, no patient"
    manifest = ViewManifest(
        name=config.name,
        version=config.version,
        licence="Apache-2.0",
        provenance=(
            f"trained by echosearch trainer on {n_train} videos ({kind}), {config.steps} steps of {config.batch}, "
            f"seed {config.seed}, from random weights; accuracy on held-out patients {accuracy:.4f}; see {TRAINING}"
        ),
        trained=True,
        tower=config.tower,
        clip=config.clip,
        labels={str(view): view for view in View},
    )
    record = {"validation_accuracy": accuracy, "config": config.model_dump(mode="json", exclude_none=True)}
    weights = {name: tensor.contiguous() for name, tensor in tower.state_dict().items()}
    save_views(out, manifest, weights, {TRAINING: tomli_w.dumps(record)})
    return out
