"""Estimate the last layers from data, so that training starts with vectors that differ.

Fresh towers give all echo videos nearly the same vector, and so do all reports: a common part and a little that
differs. The loss then stays at log(batch) until the optimizer has found that little; on the phantom that took more
than all the steps that a CPU has (docs/experiments.md). Whitening the inputs of both last layers on a few hundred
samples removes the common part and brings what differs to one scale (after Mishkin and Matas 2016, "All you need is a
good init"). It uses no pairing: nothing of which report belongs to which video.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from echosearch.encoder.towers.build import TwoTowers, normalise
from trainer.config import ModelConfig
from trainer.data.batches import Batch
from trainer.model.trainee import study_means

__all__ = ["inputs_of", "last_linear", "whiten"]

SHRINK = 0.02  # share of the mean variance added to every direction, so that the tiniest are not blown up
CHUNK = 64


def whiten(towers: TwoTowers, batches: Sequence[Batch], config: ModelConfig) -> None:
    """Set the last linear layer of each tower from ``batches``, in place. Every process must get the same ones.

    Videos count as their studies' means: single videos differ most by their view, which every study has.
    """
    video_head, text_head = last_linear(towers.video), last_linear(towers.text)
    with torch.no_grad():
        studies = []
        for batch in batches:
            clips = [
                normalise(batch.pixels[at : at + CHUNK], batch.n_valid[at : at + CHUNK], config.clip)
                for at in range(0, len(batch.pixels), CHUNK)
            ]
            studies.append(study_means(inputs_of(towers.video, video_head, clips), batch.owner, batch.n_studies))
        _set(video_head, torch.cat(studies))
        texts = [ids for batch in batches for ids in (batch.report_ids, batch.phrase_ids) if len(ids)]
        if texts:
            _set(text_head, inputs_of(towers.text, text_head, texts))


def last_linear(tower: nn.Module) -> nn.Linear:
    """Return the layer that gives a tower's vectors."""
    head = getattr(tower, "head", None)
    if isinstance(head, nn.Linear):
        return head
    found = [module for module in tower.modules() if isinstance(module, nn.Linear)]
    return found[-1]


def inputs_of(tower: nn.Module, head: nn.Linear, batches: Sequence[Tensor]) -> Tensor:
    """Return the inputs of ``head``: (N, width)."""
    seen: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, given: seen.append(given[0].float()))
    was = tower.training
    tower.eval()
    try:
        for batch in batches:
            tower(batch)
    finally:
        hook.remove()
        tower.train(was)
    return torch.cat(seen)


def _set(head: nn.Linear, inputs: Tensor) -> None:
    """weight = orthonormal x the leading principal directions, each scaled to variance 1; the mean is taken off by the
    bias, or if there is none by projecting its direction away."""
    mean = inputs.double().mean(dim=0)
    centred = inputs.double() - mean
    _, spread, directions = torch.linalg.svd(centred / len(centred) ** 0.5, full_matrices=False)
    kept = min(len(spread), head.out_features)
    variance = spread[:kept] ** 2
    scaled = directions[:kept] / (variance + SHRINK * variance.mean()).sqrt()[:, None]
    mixed = torch.empty(head.out_features, kept, dtype=torch.float64)
    nn.init.orthogonal_(mixed)
    weight = mixed @ scaled
    if head.bias is None:
        weight -= (weight @ mean)[:, None] * mean[None] / mean.dot(mean)
    else:
        head.bias.copy_(-(weight @ mean))
    head.weight.copy_(weight)
