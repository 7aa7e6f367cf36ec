"""The model that is trained: the towers of an encoder bundle, and what only training needs around them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from echosearch.clip import ClipSpec
from echosearch.encoder.towers.build import TwoTowers, normalise
from trainer.config import LossConfig
from trainer.data.batches import Batch
from trainer.model.loss import contrastive
from trainer.model.phrase_table import PhraseTable
from trainer.model.text_table import TextTable

__all__ = ["Trainee", "study_means"]


class Trainee(nn.Module):
    """Batch -> losses by name. One forward, so that DDP's hooks see all of it."""

    def __init__(
        self,
        towers: TwoTowers,
        clip: ClipSpec,
        config: LossConfig,
        table: PhraseTable | TextTable | None = None,
        each_phrase: bool = False,
    ) -> None:
        super().__init__()
        self.towers = towers
        self.clip = clip
        self.config = config
        self.table = table
        self.each_phrase = each_phrase
        with torch.no_grad():
            towers.logit_scale.fill_(math.log(1 / config.temperature))
        self.bound()
        if not config.contrastive:
            towers.text.requires_grad_(False)
            towers.logit_scale.requires_grad_(False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return "contrastive" and, with a table, "table" and "words"; "loss" is their weighted sum. See LossConfig."""
        locked = len(batch.vectors) > 0
        videos = batch.vectors if locked else self.towers.video(normalise(batch.pixels, batch.n_valid, self.clip))
        return self.losses(videos, batch)

    @torch.no_grad()
    def bound(self) -> None:
        """Set the scale to its upper end after a step, as CLIP does: clamped in the loss it could never come down."""
        self.towers.logit_scale.clamp_(max=math.log(self.config.max_scale))

    def losses(self, videos: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Return the same from the batch's video vectors (V, D)."""
        studies = study_means(videos, batch.owner, batch.n_studies)
        losses: dict[str, Tensor] = {}
        total = torch.zeros((), device=studies.device)
        if self.table is not None:
            losses["table"] = self.table.loss(studies, batch.report_phrases)
            total = total + self.config.table * losses["table"]
        if self.config.contrastive:
            texts = study_means(self.towers.text(batch.report_ids), batch.report_owner, batch.n_studies)
            given = (studies, texts, self.towers.logit_scale.exp(), batch.report_phrases, self.config.soft_targets)
            losses["contrastive"] = contrastive(*given)
            total = total + self.config.contrastive * losses["contrastive"]
            if isinstance(self.table, PhraseTable):
                losses["words"] = self._words(self.table, texts, batch)
                total = total + losses["words"]
        return losses | {"loss": total}

    def _words(self, table: PhraseTable, texts: Tensor, batch: Batch) -> Tensor:
        """How far the text tower puts phrases and reports from where the table has them: 1 - cosine, both kinds. The
        phrases are those that this process has drawn."""
        said = self.towers.text(batch.phrase_ids).float()
        wanted = table.phrases(self.each_phrase).detach()[batch.phrase_rows]
        reports = table.reports(batch.report_phrases).detach()
        near = (
            functional.cosine_similarity(said, wanted).mean()
            + functional.cosine_similarity(texts.float(), reports).mean()
        )
        return 2 - near


def study_means(videos: Tensor, owner: Tensor, n_studies: int) -> Tensor:
    """Return the mean raw output of each study's videos (Algorithm 1 of the paper): (V, D), (V,) -> (n_studies, D)."""
    sums = torch.zeros((n_studies, videos.shape[1]), dtype=torch.float32, device=videos.device)
    sums = sums.index_add(0, owner, videos.float())
    return sums / torch.bincount(owner, minlength=n_studies).clamp(min=1)[:, None]
