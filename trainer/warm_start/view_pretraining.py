"""Pretrain the video trunk, before the heads, to distinguish kinds of cine, by view and colour.

Random convolutions see sizes well and colour jets badly. A hundred steps of this, with labels that every archive has
beside its videos (views.csv, the header's mode) and no report, bring the jets (docs/experiments.md).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from echosearch.encoder.towers.build import normalise
from echosearch.encoder.towers.video_conv import VideoConv
from echosearch.video import View
from trainer.config import TrainConfig
from trainer.data.batches import Pairs
from trainer.data.cache import ClipCache

__all__ = ["begin_trunk", "kinds_of"]

BATCH = 48  # clips
LR, WARMUP = 1e-3, 10


def kinds_of(pairs: Pairs) -> list[int]:
    """Return view and colour of each video as one number, the commonest 0; -1 without a view."""
    kinds = [(list(View).index(v.view), v.color) if v.view else None for _, videos in pairs for v in videos]
    names = {kind: number for number, (kind, _) in enumerate(Counter(k for k in kinds if k).most_common())}
    return [names[kind] if kind else -1 for kind in kinds]


def begin_trunk(tower: nn.Module, pairs: Pairs, cache: ClipCache, config: TrainConfig) -> None:
    """Train ``optim.kinds_first`` steps on a VideoConv, in place; each process does the same.

    The kind is read off the mean over all places, so that it depends on what is shown, not on where it is.
    Nothing happens where fewer than two kinds are known.
    """
    assert isinstance(tower, VideoConv)  # TrainConfig sees to it
    pool = tower.places
    kinds = kinds_of(pairs)
    known = [(v.key, kind) for v, kind in zip((v for _, own in pairs for v in own), kinds, strict=True) if kind >= 0]
    if len({kind for _, kind in known}) < 2:
        return
    device = pool.readout.weight.device
    rng = np.random.default_rng([config.seed, 108])
    reader = nn.Linear(3 * pool.readout.out_features, max(kinds) + 1).to(device)
    nn.init.zeros_(reader.weight)
    trained = [
        p for name, p in tower.named_parameters() if not name.startswith(("head.", "places.compress.", "places.gate."))
    ]
    optimizer = torch.optim.AdamW([*trained, *reader.parameters()], lr=LR)

    def drawn() -> tuple[Tensor, Tensor]:
        """(B, F) what the trunk sees, over all places, and (B,) kinds."""
        chosen = [known[i] for i in rng.choice(len(known), min(BATCH, len(known)), replace=False)]
        clips = [cache.clip(key) for key, _ in chosen]
        pixels = torch.from_numpy(np.stack([clip.pixels for clip in clips])).to(device)
        n_valid = torch.tensor([clip.n_valid for clip in clips], device=device)
        seen = pool.seen(tower.trunk(normalise(pixels, n_valid, config.model.clip)))[:, : pool.compress.in_features]
        everywhere = seen.reshape(len(seen), 3, -1, pool.readout.out_features).mean(dim=2).flatten(1)
        return everywhere, torch.tensor([kind for _, kind in chosen], device=device)

    with torch.no_grad():
        first, _ = drawn()
        mean, spread = first.mean(dim=0), first.std(dim=0) + 1e-3
    for step in range(config.optim.kinds_first):
        seen, kind = drawn()
        loss = functional.cross_entropy(reader((seen - mean) / spread), kind)
        for group in optimizer.param_groups:
            group["lr"] = LR * min((step + 1) / WARMUP, 1.0) * (1 - step / config.optim.kinds_first)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, config.optim.clip_norm)
        optimizer.step()
