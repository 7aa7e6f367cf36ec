"""A logistic head over a study, with or without attention over its clips; all findings at once, each its own.

    attention   a_t = softmax over clips of w . (tanh(V x_t) * sigmoid(U x_t)), one V, U and w for each finding (gated
                attention, Ilse 2018; EchoPrime weighs a study's videos by such attention, arXiv:2410.09704)
    head        logit of a finding = weights . unit(sum of a_t h_t) + offset, h_t the raw vector of clip t

x_t is what the attention sees of a clip: its unit vector, its view, or both. w begins at 0, so attention begins
uniform, where the sum is the study's mean vector, and the head at what it is without attention. All weights are held
small alike (a ridge against unit vectors); how strongly, and how many steps, is chosen for each finding by folds of the
training patients, by log loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Floats = NDArray[np.float64]

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
STEPS = (25, 50, 100)  # of Adam, after the head alone has converged
HIDDEN, RATE = 8, 2e-2
FOLDS = 5


@dataclass(frozen=True)
class Bags:
    """The clips of N studies."""

    clips: Tensor  # (N, C, D) raw, 0 where a study has no more
    valid: Tensor  # (N, C)
    looks: Tensor | None  # (N, C, K) what the attention sees; None: it is uniform

    def of(self, rows: NDArray[np.int64]) -> Bags:
        at = torch.from_numpy(rows)
        most = int(self.valid[at].sum(dim=1).max())
        looks = None if self.looks is None else self.looks[at, :most]
        return Bags(self.clips[at, :most], self.valid[at, :most], looks)


@dataclass(frozen=True)
class Read:
    """What an arm reads of the test studies, and what was chosen for each of F findings."""

    logits: Floats  # (N, F)
    attention: Floats  # (N, C, F)
    strengths: tuple[float, ...]
    steps: tuple[int, ...]


class StudyHead(nn.Module):
    """F findings, each with its attention and its head."""

    def __init__(self, findings: int, dimension: int, looks: int) -> None:
        super().__init__()
        self.head = nn.Parameter(torch.zeros(findings, dimension))
        self.offset = nn.Parameter(torch.zeros(findings))
        self.see = nn.Parameter(torch.randn(looks, 2 * findings * HIDDEN) / 2)
        self.weigh = nn.Parameter(torch.zeros(findings, HIDDEN))

    def attention(self, bags: Bags) -> Tensor:
        """Return (N, C, F), over the clips of a study 1 in sum."""
        each = self.head.new_full((*bags.valid.shape, len(self.head)), -torch.inf)
        if bags.looks is None:
            each[bags.valid] = 0.0
        else:
            seen, gate = (bags.looks[bags.valid] @ self.see).unflatten(1, (2, len(self.head), HIDDEN)).unbind(1)
            each[bags.valid] = (seen.tanh() * gate.sigmoid() * self.weigh).sum(dim=2)
        return each.softmax(dim=1)

    def forward(self, bags: Bags) -> Tensor:
        """Return (N, F) logits."""
        pooled = self.attention(bags).transpose(1, 2) @ bags.clips  # (N, F, D)
        return (functional.normalize(pooled, dim=2) * self.head).sum(dim=2) + self.offset

    def loss(self, bags: Bags, truth: Tensor, strength: Tensor) -> Tensor:
        """Return the sum over findings: log loss of (N, F) truths, and half the squared weights by (F,) strengths."""
        wrong = functional.binary_cross_entropy_with_logits(self(bags), truth, reduction="none").sum(dim=0)
        see = self.see.square().sum(dim=0).unflatten(0, (2, len(self.head), HIDDEN)).sum(dim=(0, 2))
        squares = self.head.square().sum(dim=1) + self.weigh.square().sum(dim=1) + see
        total: Tensor = (wrong + strength / 2 * squares).sum()
        return total


def fitted(bags: Bags, truth: Tensor, strength: Tensor, seed: int = 0) -> Iterator[tuple[int, StudyHead]]:
    """Yield the head alone, as step 0, and, where the attention sees something, the whole after each of STEPS."""
    torch.manual_seed(seed)
    model = StudyHead(truth.shape[1], bags.clips.shape[2], 0 if bags.looks is None else bags.looks.shape[2])
    alone = Bags(bags.clips, bags.valid, None)
    search = torch.optim.LBFGS([model.head, model.offset], max_iter=500, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        loss = model.loss(alone, truth, strength)
        loss.backward()
        return loss

    search.step(closure)
    yield 0, model
    if bags.looks is None:
        return
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for step in range(1, max(STEPS) + 1):
        optimizer.zero_grad()
        model.loss(bags, truth, strength).backward()
        optimizer.step()
        if step in STEPS:
            yield step, model


def fold_of(patient: str) -> int:
    return crc32(patient.encode()) % FOLDS


def read(train: Bags, truth: NDArray[np.bool_], patients: Sequence[str], test: Bags) -> Read:
    """Choose, fit and read: (N, F) truths of the training studies and their patients; test studies choose nothing."""
    known = torch.from_numpy(truth.astype(np.float32))
    folds = np.array([fold_of(patient) for patient in patients])
    count = truth.shape[1]
    steps = (0,) if train.looks is None else STEPS
    wrong = torch.zeros(len(STRENGTHS), len(steps), count)
    for s, strength in enumerate(STRENGTHS):
        for fold in range(FOLDS):
            kept, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            for step, model in fitted(train.of(kept), known[kept], torch.full((count,), strength)):
                if step in steps:
                    with torch.no_grad():
                        logits = model(train.of(held))
                    each = functional.binary_cross_entropy_with_logits(logits, known[held], reduction="none")
                    wrong[s, steps.index(step)] += each.sum(dim=0)
    best = wrong.flatten(0, 1).argmin(dim=0)
    strengths = torch.tensor(STRENGTHS)[best // len(steps)]
    wanted = torch.tensor(steps)[best % len(steps)]
    logits, attention = torch.zeros(len(test.valid), count), torch.zeros(*test.valid.shape, count)
    for step, model in fitted(train, known, strengths):
        with torch.no_grad():
            own = wanted == step
            logits[:, own], attention[..., own] = model(test)[:, own], model.attention(test)[..., own]
    return Read(
        logits.numpy().astype(np.float64),
        attention.numpy().astype(np.float64),
        tuple(round(float(one), 3) for one in strengths),
        tuple(int(one) for one in wanted),
    )
