"""A free vector for every phrase of the training reports: what videos learn from first, and the text tower after them.

Against a table a step can hold each study's videos to all phrases at once, said and unsaid, at the price of one matrix
product; through a text tower it could afford a handful. The text tower learns to put phrases and reports where the
table has them (model.py), and the table itself ends with the training: a bundle holds only the towers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.model.loss import said

__all__ = ["PhraseTable", "begin_table", "learn"]

SCALE = 3.0  # of the cosine at the start; learned
RIDGE = 0.03  # of the videos' mean variance
BATCH = 256  # studies of one step of a table alone
EPOCHS, LR = 40, 3e-3  # its pace, of rows of length 1
PARTS_EPOCHS, PARTS_LR = 20, 1e-2  # the same of one with parts, which begins at nothing
OWN_DECAY, SHARED_DECAY = 3e-2, 3e-3  # of squared weights: what can be said by parts is not learned by heart


class PhraseTable(nn.Module):
    """``share`` (P,): how many of the training reports say each phrase, 0 to 1 and neither of them.

    With ``parts`` (P, F; parts.py) a phrase's row is its own and the sum of its parts'.
    """

    share: Tensor
    parts: Tensor | None

    def __init__(self, share: Tensor, dimension: int, parts: Tensor | None = None) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(len(share), dimension) / dimension**0.5)
        self.register_buffer("parts", parts, persistent=False)
        self.shared = None if parts is None else nn.Parameter(torch.zeros(parts.shape[1], dimension))
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.register_buffer("share", share)

    def loss(self, studies: Tensor, rows: Tensor) -> Tensor:
        """Return the log loss of each phrase being in each study's report: summed over phrases, mean over studies.

        ``studies`` (b, D) raw; ``rows`` (b, R) phrases of each report, NO_PHRASE fills. The log odds with which any
        report says a phrase are added to the scaled cosine (logit adjustment, Menon 2021), so that the vectors learn
        what a video shows beyond them and not how common a phrase is. With parts, rows keep their length, and what
        holds it down is added.
        """
        towards = self.rows() if self.shared is not None else functional.normalize(self.vectors, dim=-1)
        near = functional.normalize(studies.float(), dim=-1) @ towards.T
        logits = self.log_scale.exp() * near + torch.logit(self.share)
        each = functional.binary_cross_entropy_with_logits(logits, self.said(rows), reduction="none")
        loss = each.sum(dim=1).mean()
        if self.shared is None:
            return loss
        return loss + OWN_DECAY * self.vectors.square().sum() + SHARED_DECAY * self.shared.square().sum()

    def rows(self) -> Tensor:
        """Return (P, D) of any length."""
        if self.shared is None or self.parts is None:
            return self.vectors
        return self.vectors + self.parts @ self.shared

    def phrases(self, apart: bool) -> Tensor:
        """Return (P, D) unit vectors of the phrases.

        ``apart``: if a report is the mean of its phrases, they are taken from the middle of all phrases, so that it has
        the direction that ``reports`` gives.
        """
        towards = functional.normalize(self.rows(), dim=-1)
        if apart:
            towards = functional.normalize(towards - self.share @ towards / self.share.sum(), dim=-1)
        return towards

    def reports(self, rows: Tensor) -> Tensor:
        """Return (b, D) of (b, R): the sum of the phrases' directions less what any report would have.

        It is the direction along which the log odds of the report, as the sum of those of its phrases, rise fastest.
        """
        towards = functional.normalize(self.rows(), dim=-1)
        return self.said(rows) @ towards - self.share @ towards

    def said(self, rows: Tensor) -> Tensor:
        """Turn (b, R) numbers into (b, P) of 0 and 1."""
        return said(rows, len(self.share))


def begin_table(table: PhraseTable, studies: Tensor, rows: Tensor) -> None:
    """Set the rows of ``table``, in place, from frozen videos: the direction that best predicts each phrase.

    Ridge regression from the unit vectors of ``studies`` (N, D) to which phrases their reports have, ``rows`` (N, R),
    or nothing where there are parts; then the table's own loss (learn). Seconds, or a minute with parts.
    """
    studies, rows = studies.to(table.share.device), rows.to(table.share.device)
    with torch.no_grad():
        if table.shared is None:
            table.vectors.copy_(_directions(functional.normalize(studies, dim=-1), table.said(rows)))
        else:
            table.vectors.zero_()
    epochs, pace = (EPOCHS, LR) if table.shared is None else (PARTS_EPOCHS, PARTS_LR)
    learn(table.parameters(), table.loss, studies, rows, epochs, pace, seed=109)


def learn(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[Tensor, Tensor], Tensor],
    studies: Tensor,
    rows: Tensor,
    epochs: int,
    pace: float,
    seed: int,
) -> None:
    """Fit ``parameters`` by the table's ``loss`` over frozen videos: Adam, BATCH studies a step, ``epochs`` passes.

    The pace falls to 0.
    """
    optimizer = torch.optim.Adam(parameters, lr=pace)
    order = torch.Generator().manual_seed(seed)
    steps = epochs * -(-len(studies) // BATCH)
    for step in range(steps):
        chosen = torch.randint(len(studies), (min(BATCH, len(studies)),), generator=order)
        for group in optimizer.param_groups:
            group["lr"] = pace * (1 - step / steps)
        optimizer.zero_grad(set_to_none=True)
        loss(studies[chosen], rows[chosen]).backward()
        optimizer.step()


def _directions(studies: Tensor, said: Tensor) -> Tensor:
    """Ridge regression from unit vectors (N, D) to 0 and 1 (N, P): (P, D) rows of length 1."""
    centred = (studies - studies.mean(dim=0)).double()
    gram = centred.T @ centred
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    found = torch.linalg.solve(gram, centred.T @ (said - said.mean(dim=0)).double())
    return functional.normalize(found.T.float(), dim=-1)
