"""Train CardiacCLIP's few-shot head for EF over the vectors of a study's clips (arXiv:2509.17065).

    attention   a_t = softmax over clips of w3 tanh(W2 tanh(W1 h_t)); z = Wo sum of a_t h_t
    bands       EF up to 30, 45, 55, 70, and above; a band's text is the mean of the prompts of its values
    estimate    sum over bands of p_k c_k, p the softmax of the scaled cosines, c = 15, 37, 50, 62, 85
    loss        cross-entropy of the bands + KL of each band's column over the labelled studies + mean absolute error

Differences: clips stand where theirs has frames; there is no norm over the batch, by which a prediction would depend
on its neighbours; all labelled studies are one batch. EchoZoom needs the pixels of frames and is left out. Before
training the attention is uniform and Wo the identity, so that training begins at what the prompts read. A part can be
left out, to measure what it brings: without its attention the head sees the mean of the clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from echosearch.vector import Vectors

__all__ = ["BAND_ENDS", "STEPS", "OrdinalHead", "Part", "band_texts", "padded_clips", "read_ef_with", "train_head"]

BAND_ENDS = (30.0, 45.0, 55.0, 70.0)
CENTRES = (15.0, 37.0, 50.0, 62.0, 85.0)
HIDDEN = 64
STEPS, RATE, DECAY = 100, 1e-3, 1e-2  # of AdamW
SCALE = 20.0  # of cosines, at the start; learned

Numbers = NDArray[np.float64]
Part = Literal["attention", "kl"]


class OrdinalHead(nn.Module):
    """Attention over clips, and bands of EF told by texts."""

    def __init__(self, texts: Tensor) -> None:
        """``texts`` (5, D) unit vectors of the bands."""
        super().__init__()
        dimension = texts.shape[1]
        self.attention = nn.Sequential(
            nn.Linear(dimension, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1)
        )
        last = self.attention[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        self.project = nn.Linear(dimension, dimension, bias=False)
        nn.init.eye_(self.project.weight)
        self.scale = nn.Parameter(torch.tensor(SCALE))
        self.register_buffer("texts", texts)
        self.register_buffer("centres", torch.tensor(CENTRES))

    def forward(self, clips: Tensor, valid: Tensor) -> Tensor:
        """Return (N, 5) logits of the bands of (N, C, D) unit clip vectors; (N, C) marks the clips that exist."""
        each = clips.new_full(valid.shape, -torch.inf)
        each[valid] = self.attention(clips[valid]).squeeze(-1)  # a study may have a tenth of the clips of another
        weight = each.softmax(dim=1)
        pooled = self.project((weight[:, None] @ clips).squeeze(1))
        return self.scale * functional.normalize(pooled, dim=1) @ self.get_buffer("texts").T

    def read(self, logits: Tensor) -> Tensor:
        """Return the EF, (N,), of (N, 5) logits."""
        return logits.softmax(dim=1) @ self.get_buffer("centres")


def padded_clips(studies: Sequence[Vectors]) -> tuple[Tensor, Tensor]:
    """Return (N, C, D) unit vectors of the clips of each study, and (N, C) which exist."""
    most = max(len(clips) for clips in studies)
    padded = torch.zeros(len(studies), most, studies[0].shape[1])
    valid = torch.zeros(len(studies), most, dtype=torch.bool)
    for row, clips in enumerate(studies):
        padded[row, : len(clips)] = functional.normalize(torch.from_numpy(np.ascontiguousarray(clips)), dim=1)
        valid[row, : len(clips)] = True
    return padded, valid


def band_texts(values: Numbers, prompts: Vectors) -> Tensor:
    """Return (5, D) unit vectors: the mean of the prompts (V, D) of each band's values (V,)."""
    band = np.searchsorted(BAND_ENDS, values, side="left")
    units = functional.normalize(torch.from_numpy(prompts.astype(np.float32)), dim=1)
    means = torch.stack([units[torch.from_numpy(band == k)].mean(dim=0) for k in range(len(CENTRES))])
    return functional.normalize(means, dim=1)


def train_head(
    texts: Tensor,
    clips: Tensor,
    valid: Tensor,
    ef: Numbers,
    seed: int = 0,
    steps: int = STEPS,
    without: Part | None = None,
) -> OrdinalHead:
    """Train on labelled studies; ``steps`` of 0 leaves what the prompts read. ``without`` leaves a part out."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = OrdinalHead(texts)
    head.attention.requires_grad_(without != "attention")  # it stays uniform
    known = torch.from_numpy(ef.astype(np.float32))
    band = torch.from_numpy(np.searchsorted(BAND_ENDS, ef, side="left"))
    there = functional.one_hot(band, len(CENTRES)).float()
    columns = there / there.sum(dim=0).clamp(min=1)
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(steps):
        logits = head(clips, valid)
        apart = (head.read(logits) - known).abs().mean()
        loss = functional.cross_entropy(logits, band) + apart
        if without != "kl":
            loss = loss + functional.kl_div(logits.log_softmax(dim=0), columns, reduction="sum") / len(CENTRES)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head


def read_ef_with(head: OrdinalHead, clips: Tensor, valid: Tensor) -> Numbers:
    """Return the EF of (N, C, D) clip vectors, (N,) in points."""
    with torch.inference_mode():
        made: Numbers = head.read(head(clips, valid)).numpy().astype(np.float64)
    return made
