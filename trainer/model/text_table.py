"""The phrases of the training reports where a text tower that stays as it is puts them: what videos alone learn from.

The table of a finished encoder, so to say: its text tower has been fitted to the videos (texts.py), and now the videos
learn on towards the texts that will be asked. Only how steeply odds rise with likeness, and the odds of each phrase
if a video shows nothing, are learned beside them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.model.loss import said
from trainer.model.phrase_table import learn

__all__ = ["TextTable", "begin_text_table"]

SCALE = 10.0  # at the start
EPOCHS, LR = 10, 3e-2  # of the calibration


class TextTable(nn.Module):
    """``towards`` (P, D) raw outputs of the text tower, whose lengths say how surely it places a phrase; ``share`` (P,)
    of the training reports that say each."""

    towards: Tensor

    def __init__(self, share: Tensor, towards: Tensor) -> None:
        super().__init__()
        self.register_buffer("towards", towards)
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.log_odds = nn.Parameter(torch.logit(share))

    def loss(self, studies: Tensor, rows: Tensor) -> Tensor:
        """Return the log loss of each phrase being in each study's report, as PhraseTable does. (b, D), (b, R)."""
        logits = self.log_scale.exp() * functional.normalize(studies.float(), dim=-1) @ self.towards.T + self.log_odds
        wanted = said(rows, len(self.towards))
        return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(dim=1).mean()


def begin_text_table(table: TextTable, studies: Tensor, rows: Tensor) -> None:
    """Scale and odds of ``table``, in place, over frozen videos: ``studies`` (N, D) raw, ``rows`` (N, R)."""
    studies, rows = studies.to(table.towards.device), rows.to(table.towards.device)
    with torch.no_grad():
        usual = functional.normalize(studies.float(), dim=-1).mean(dim=0) @ table.towards.T
        table.log_odds.sub_(table.log_scale.exp() * usual)
    learn(table.parameters(), table.loss, studies, rows, EPOCHS, LR, seed=113)
