"""The learning rate as a function of the step: linear warm-up, then a cosine."""

from __future__ import annotations

import math

from trainer.config import OptimConfig

__all__ = ["learning_rate"]


def learning_rate(step: int, config: OptimConfig) -> float:
    """Return the rate of a step, from 0: lr/warmup, 2 lr/warmup, ..., lr, ..., lr_end at the last."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    left = max(config.steps - config.warmup - 1, 1)
    share = min((step - config.warmup) / left, 1.0)
    return config.lr_end + (config.lr - config.lr_end) * (1 + math.cos(math.pi * share)) / 2
