"""A free vector for every phrase of the training reports: what videos learn from first, and the text tower after them.

Against a table a step can hold each study's videos to all phrases at once, said and unsaid, at the price of one matrix
product; through a text tower it could afford a handful. The text tower learns to put phrases and reports where the
table has them (model.py), and the table itself ends with the training: a bundle holds only the towers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.loss import NO_PHRASE

__all__ = ["PhraseTable"]

SCALE = 3.0  # of the cosine at the start; learned


class PhraseTable(nn.Module):
    """``share`` (P,): how many of the training reports say each phrase, 0 to 1 and neither of them."""

    share: Tensor

    def __init__(self, share: Tensor, dimension: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(len(share), dimension) / dimension**0.5)
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.register_buffer("share", share)

    def loss(self, studies: Tensor, rows: Tensor) -> Tensor:
        """Log loss that each phrase stands in the report of each study: summed over phrases, mean over studies.

        ``studies`` (b, D) raw; ``rows`` (b, R) phrases of each report, NO_PHRASE fills. The log odds with which any
        report says a phrase are added to the scaled cosine (logit adjustment, Menon 2021), so that the vectors learn
        what a video tells beyond them and not how common a phrase is.
        """
        cosine = functional.normalize(studies.float(), dim=-1) @ functional.normalize(self.vectors, dim=-1).T
        logits = self.log_scale.exp() * cosine + torch.logit(self.share)
        each = functional.binary_cross_entropy_with_logits(logits, self.said(rows), reduction="none")
        return each.sum(dim=1).mean()

    def phrases(self, apart: bool) -> Tensor:
        """(P, D) unit vectors: where phrases belong. ``apart``: where a report is the mean of its phrases, they are
        taken from the middle of all that is said, so that it comes to lie in the direction that ``reports`` gives."""
        towards = functional.normalize(self.vectors, dim=-1)
        if apart:
            towards = functional.normalize(towards - self.share @ towards / self.share.sum(), dim=-1)
        return towards

    def reports(self, rows: Tensor) -> Tensor:
        """Where reports belong: the sum of their phrases' directions less what any report would have. (b, R) -> (b, D).

        It is the direction along which the log odds of the report, as the sum of those of its phrases, rise fastest.
        """
        towards = functional.normalize(self.vectors, dim=-1)
        return self.said(rows) @ towards - self.share @ towards

    def said(self, rows: Tensor) -> Tensor:
        """(b, R) numbers -> (b, P) of 0 and 1."""
        said = torch.zeros((len(rows), len(self.share) + 1), device=rows.device)  # NO_PHRASE marks the last column
        return said.scatter(1, rows.where(rows != NO_PHRASE, len(self.share)), 1.0)[:, :-1]
