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
from trainer.model.loss import TwinTexts, contrastive, same_view
from trainer.model.phrase_table import PhraseTable
from trainer.model.text_table import TextTable

__all__ = ["Trainee", "study_means"]

VIEW_NUMBERS = 64


class Trainee(nn.Module):
    """Batch -> losses by name. One forward, so that DDP's hooks see all of it. ``dimension`` (D) is for loss.view."""

    def __init__(
        self,
        towers: TwoTowers,
        clip: ClipSpec,
        config: LossConfig,
        table: PhraseTable | TextTable | None = None,
        each_phrase: bool = False,
        dimension: int = 0,
    ) -> None:
        super().__init__()
        self.towers = towers
        self.clip = clip
        self.config = config
        self.table = table
        self.each_phrase = each_phrase
        # same views are held together in what this layer sees, not in the vectors that a search compares
        self.view_head = nn.Linear(dimension, VIEW_NUMBERS) if config.view else None
        with torch.no_grad():
            towers.logit_scale.fill_(math.log(1 / config.temperature))
        self.bound()
        if not config.contrastive:
            towers.text.requires_grad_(False)
            towers.logit_scale.requires_grad_(False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses by name, those that LossConfig asks for, and "loss", their weighted sum.

        "contrastive"; "table" and "words" with a phrase table; "view" with loss.view.
        """
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
            each = self.towers.text(batch.report_ids)
            texts = study_means(each, batch.report_owner, batch.n_studies)
            given = (studies, texts, self.towers.logit_scale.exp(), batch.report_phrases, self.config.soft_targets)
            losses["contrastive"] = contrastive(*given, batch.patients, self._twins(each, batch))
            total = total + self.config.contrastive * losses["contrastive"]
            if isinstance(self.table, PhraseTable):
                losses["words"] = self._words(self.table, texts, batch)
                total = total + losses["words"]
        if self.view_head is not None:
            losses["view"] = same_view(self.view_head(videos), batch.views)
            total = total + self.config.view * losses["view"]
        return losses | {"loss": total}

    def _twins(self, each: Tensor, batch: Batch) -> TwinTexts | None:
        """Return the twins of the batch's reports; ``each`` are the vectors of ``report_ids``."""
        if not len(batch.twin_owner):
            return None
        if len(batch.twin_ids):
            each = torch.cat([each, self.towers.text(batch.twin_ids)])
        vectors = study_means(each[batch.twin_parts], batch.twin_of, len(batch.twin_owner))
        return TwinTexts(vectors, batch.twin_owner, self.config.negation)

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
