"""Train a new text tower towards the targets of statements, from random weights; the video tower is not touched.

Each statement is to lie where its facts lie: the squared distance, and which fact it is among all facts (cross-entropy
over cosines), so that twins that differ in polarity, grade, side, valve or territory are told apart. Tokens are hidden
now and then, so that a statement with words that were never read is placed by those that were. The last layer is then
solved in closed form (warm_start/text_head.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from echosearch.encoder.bundle.golden import pad_ids
from echosearch.encoder.text.tokenizer import Tokenizer
from echosearch.vector import Vectors
from trainer.warm_start.text_head import solve_head
from trainer.words.statements import Statement

__all__ = ["FitConfig", "fit_texts", "placed"]

UNKNOWN = 1  # the token's id


@dataclass(frozen=True)
class FitConfig:
    """How a text tower is trained."""

    statements: int = 20_000
    steps: int = 1_000
    batch: int = 128
    lr: float = 2e-3
    warmup: int = 100
    weight_decay: float = 0.01
    hidden: float = 0.08  # share of the tokens that are hidden
    facts: float = 0.3  # weight of the cross-entropy
    sharpness: float = 20.0  # of its cosines
    seed: int = 0
    vocabulary: int = 3_000  # WordPiece tokens, at most
    width: int = 144
    depth: int = 1
    projection_width: int = 1_024


def placed(statements: Sequence[Statement], targets: Mapping[str, Vectors]) -> Vectors:
    """Return (N, D): where statements lie. Of several facts the sum, as a report's phrases add up."""
    return np.stack([np.sum([targets[fact] for fact in one.facts], axis=0) for one in statements]).astype(np.float32)


def fit_texts(
    text: nn.Module,
    tokenizer: Tokenizer,
    statements: Sequence[Statement],
    targets: Mapping[str, Vectors],
    config: FitConfig,
    progress: Callable[[int, float], None] | None = None,
) -> None:
    """Train ``text`` in place. ``progress(step, loss)`` hears of every hundredth step."""
    ids = [np.array(own) for own in tokenizer.encode([f"{one.text}。" for one in statements], 64)]
    unit_length = float(np.mean([np.square(target).sum() for target in targets.values()]))
    wanted = torch.from_numpy(placed(statements, targets))
    names = [*targets]
    towards = functional.normalize(torch.from_numpy(np.stack([targets[name] for name in names])), dim=-1)
    first = {name: number for number, name in enumerate(names)}
    alone = torch.tensor([first[one.facts[0]] if len(one.facts) == 1 else -1 for one in statements])
    rng = np.random.default_rng([config.seed, 223])
    # texts of like length go together: half of what a batch costs would be padding
    by_length = np.argsort([len(own) for own in ids] + rng.random(len(ids)))
    optimizer = torch.optim.AdamW(_groups(text, config.weight_decay), lr=config.lr, betas=(0.9, 0.98))
    text.train()
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.lr * _pace(step, config)
        start = int(rng.integers(len(ids) - config.batch + 1))
        chosen = by_length[start : start + config.batch]
        given = torch.from_numpy(pad_ids([_hidden(ids[i], config.hidden, rng) for i in chosen]))
        out = text(given)
        distance = (out - wanted[chosen]).square().sum(dim=1).mean() / unit_length
        cosine = functional.normalize(out, dim=-1) @ towards.T
        which = functional.cross_entropy(config.sharpness * cosine, alone[chosen], ignore_index=-1)
        loss: Tensor = distance + config.facts * which
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(text.parameters(), 1.0)
        optimizer.step()
        if progress and (step + 1) % 100 == 0:
            progress(step + 1, float(distance.detach()))
    text.eval()
    # what the steps leave: the last layer in closed form, over what the others have learned to see
    solve_head(text, [own.tolist() for own in ids], wanted, torch.ones(len(ids)))


def _pace(step: int, config: FitConfig) -> float:
    """Return the share of the learning rate: linear warm-up, then a cosine to zero."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    return (1 + math.cos(math.pi * (step - config.warmup) / max(config.steps - config.warmup, 1))) / 2


def _groups(text: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    plain = [tensor for tensor in text.parameters() if tensor.ndim < 2]
    others = [tensor for tensor in text.parameters() if tensor.ndim >= 2]
    return [{"params": others, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def _hidden(ids: np.ndarray, share: float, rng: np.random.Generator) -> list[int]:
    """Return ids of which some words are unknown and some are gone; the first and the last stay."""
    chance = rng.random(len(ids))
    inner = (np.arange(len(ids)) > 0) & (np.arange(len(ids)) < len(ids) - 1)
    made = np.where(inner & (chance < share / 2), UNKNOWN, ids)
    return [int(i) for i in made[~(inner & (chance >= 1 - share / 2))]]
