"""Fit the head's network to frames with masks, each step's frames altered anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from echosearch.clip import Uint8
from echosearch.contour.network import ContourNet
from trainer.contour.samples import DrawnFrames
from trainer.data.augment import Augmentation, AugmentConfig, alter, draw_augmentation

__all__ = ["ContourConfig", "dice_loss", "fit_contours"]

ALTERED = AugmentConfig(
    share=0.9, depth=(0.8, 1.3), zoom=(0.9, 1.15), shift=7, gain=25, gamma=(0.7, 1.5), mirror=0.0
)  # not mirrored: then nothing says which of two ventricles is the left one


@dataclass(frozen=True)
class ContourConfig:
    """One run; the same config and samples give the same weights on the same machine."""

    seed: int = 1
    steps: int = 1500
    batch: int = 12  # frames
    lr: float = 3e-3
    warmup: int = 100  # steps
    weight_decay: float = 1e-4
    widths: tuple[int, ...] = (12, 24, 40, 64)


def fit_contours(
    samples: DrawnFrames, config: ContourConfig, progress: Callable[[int, float], None] = lambda step, loss: None
) -> ContourNet:
    """Return the network, in eval mode; ``progress`` is told the step and its loss now and then."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = ContourNet(config.widths).train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        for step in range(config.steps):
            rng = np.random.default_rng([config.seed, 105, step])
            drawn = rng.integers(len(samples), size=config.batch)
            frames, masks = zip(*(_altered(samples, int(at), rng) for at in drawn), strict=True)
            for group in optimizer.param_groups:
                group["lr"] = config.lr * _share_of_rate(step, config)
            loss = _loss(network(_unit(np.stack(frames))[:, None]), _unit(np.stack(masks)))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if (step + 1) % 100 == 0:
                progress(step + 1, float(loss.detach()))
    return network.eval()


def dice_loss(probable: Tensor, masks: Tensor) -> Tensor:
    """Return 1 minus the mean over (B, H, W) of twice what both have by what each has; 0 where they are equal."""
    both = 2 * (probable * masks).sum(dim=(1, 2)) + 1
    loss: Tensor = 1 - (both / (probable.sum(dim=(1, 2)) + masks.sum(dim=(1, 2)) + 1)).mean()
    return loss


def _share_of_rate(step: int, config: ContourConfig) -> float:
    """As a view classifier is trained: a linear warm-up, beside a cosine down to 0."""
    return min((step + 1) / config.warmup, 1.0) * (1 + math.cos(math.pi * step / config.steps)) / 2


def _loss(logits: Tensor, masks: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, masks) + dice_loss(logits.sigmoid(), masks)


def _unit(pixels: Uint8) -> Tensor:
    return torch.from_numpy(pixels).float() / 255


def _altered(samples: DrawnFrames, at: int, rng: np.random.Generator) -> tuple[Uint8, Uint8]:
    how = draw_augmentation(ALTERED, False, rng)
    moved = Augmentation(how.scale, how.zoom, how.shift)
    return alter(samples.frames[at][None], how)[0], alter(samples.masks[at][None], moved)[0]
