"""The model that is trained: the towers of an encoder bundle, and what only training needs around them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from echosearch.clip import ClipSpec
from echosearch.encoder.model import TwoTowers, normalise
from trainer.batches import Batch
from trainer.config import LossConfig
from trainer.loss import contrastive, phrase_loss

__all__ = ["Trainee", "study_means"]

PHRASE_SCALE = 3.0  # at the start; learned


class Trainee(nn.Module):
    """Batch -> losses by name. One forward, so that DDP's hooks see all of it."""

    def __init__(self, towers: TwoTowers, clip: ClipSpec, config: LossConfig) -> None:
        super().__init__()
        self.towers = towers
        self.clip = clip
        self.config = config
        with torch.no_grad():
            towers.logit_scale.fill_(math.log(1 / config.temperature))
        if config.phrases:
            self.phrase_scale = nn.Parameter(torch.tensor(math.log(PHRASE_SCALE)))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """ "contrastive" and, where it is on, "phrases"; their weighted sum is "loss"."""
        return self.losses(self.towers.video(normalise(batch.pixels, batch.n_valid, self.clip)), batch)

    def losses(self, videos: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The same from the batch's video vectors (V, D)."""
        studies = study_means(videos, batch.owner, len(batch.report_ids))
        texts = self.towers.text(batch.report_ids)
        scale = self.towers.logit_scale.exp().clamp(max=self.config.max_scale)
        losses = {"contrastive": contrastive(studies, texts, scale, batch.report_phrases, self.config.soft_targets)}
        losses["loss"] = losses["contrastive"]
        if self.config.phrases:
            said = self.towers.text(batch.phrase_ids)
            losses["phrases"] = phrase_loss(studies, said, batch.said, batch.prior, self.phrase_scale.exp())
            losses["loss"] = losses["loss"] + self.config.phrases * losses["phrases"]
        return losses


def study_means(videos: Tensor, owner: Tensor, n_studies: int) -> Tensor:
    """Mean of the raw outputs of each study's videos: Algorithm 1 of the paper. (V, D), (V,) -> (n_studies, D)."""
    sums = torch.zeros((n_studies, videos.shape[1]), dtype=torch.float32, device=videos.device)
    sums = sums.index_add(0, owner, videos.float())
    return sums / torch.bincount(owner, minlength=n_studies).clamp(min=1)[:, None]
