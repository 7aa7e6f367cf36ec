"""Compute a SpatialPool's first weights from the data: what to keep of all places, and which gate a view takes.

No report is used: only the videos, and the view and mode that they are known by.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from echosearch.encoder.towers.spatial_pool import SpatialPool

__all__ = ["init_path", "init_pool"]

SHARP = 20.0  # of the gates' softmax: a right guess of 1 against 0 leaves the others e^-20
RIDGE = 0.01


def init_pool(pool: SpatialPool, seen: Tensor, classes: Sequence[int]) -> None:
    """Set the pool from ``seen`` (V, F) of each video, its mean and extremes, and ``classes``, -1 if unknown.

    compress: the principal directions within the kinds; gate: ridge regression to the kind. With no kinds known the
    gates stay as they are.
    """
    seen = seen[:, : pool.compress.in_features]  # the turns behind them are not compressed
    kinds = torch.tensor(classes)
    known = torch.unique(kinds[kinds >= 0])[: pool.gate.out_features]
    centred = seen - seen.mean(dim=0)
    within = centred.clone()
    for kind in known:
        rows = kinds == kind
        within[rows] -= within[rows].mean(dim=0)
    kept = min(pool.compress.out_features, *seen.shape)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        _, spread, directions = torch.svd_lowrank(within, q=kept, niter=2)
        scale = (spread.square().mean() / len(seen)).sqrt().clamp(min=1e-6)
        pool.compress.weight.zero_()
        pool.compress.weight[:kept] = (directions / scale).T
        pool.compress.bias.copy_(-(pool.compress.weight @ seen.mean(dim=0)))
        if not len(known):
            return
        _, spread, directions = torch.svd_lowrank(centred, q=kept, niter=2)
        inner = centred @ directions
        wanted = (kinds[:, None] == known[None]).float()
        gram = inner.T @ inner + RIDGE * spread.square().mean() * torch.eye(kept)
        ridge = torch.linalg.solve(gram, inner.T @ (wanted - wanted.mean(dim=0)))
        pool.gate.weight.zero_()
        pool.gate.bias.fill_(-SHARP)  # gates that no kind takes stay shut
        pool.gate.weight[: len(known)] = SHARP * (directions @ ridge).T
        at_zero = wanted.mean(dim=0) - (seen.mean(dim=0) @ directions) @ ridge
        pool.gate.bias[: len(known)] = SHARP * at_zero


def init_path(path: nn.Linear, frames: Sequence[Tensor]) -> None:
    """Set a pool's ``path`` from clips, each (T, places * readout): the directions in which frames move most."""
    steps = torch.cat([each.diff(dim=0) for each in frames])
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        _, _, directions = torch.svd_lowrank(steps, q=min(path.out_features, *steps.shape), niter=2)
        path.weight[: directions.shape[1]] = directions.T
