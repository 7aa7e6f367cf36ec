"""The losses of training, as pure functions of vectors.

contrastive   CLIP's (Radford 2021): each study's videos against the reports of the batch, and the other way
phrases       SigLIP's (Zhai 2023) sigmoid loss of studies against single phrases: a phrase that is in the study's
              report against one that does not. Reports share most of their phrases, so a batch has many positives
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from trainer.data.pairs import NO_PHRASE
from trainer.distributed import gather_rows, process_rank

__all__ = ["contrastive", "said", "shared_phrases", "targets"]


def contrastive(
    videos: Tensor, texts: Tensor, scale: Tensor, phrases: Tensor | None = None, soft: float = 0.0
) -> Tensor:
    """Return the symmetric cross-entropy over the studies of all processes; a scalar, the mean over this one's rows.

    ``videos``, ``texts`` (b, D) raw, row i of both is one study; ``scale`` is 1 / temperature. ``phrases`` (b, P) are
    the numbers of each report's phrases, for ``soft`` targets. A batch of B identical vectors gives log(B).
    """
    videos, texts = functional.normalize(videos.float(), dim=-1), functional.normalize(texts.float(), dim=-1)
    all_videos, all_texts = gather_rows(videos), gather_rows(texts)
    own = torch.arange(len(videos), device=videos.device) + process_rank() * len(videos)
    if soft > 0 and phrases is not None:
        wanted = targets(phrases, gather_rows(phrases), own, soft)
    else:
        wanted = functional.one_hot(own, len(all_texts)).float()
    to_text = functional.cross_entropy(scale * videos @ all_texts.T, wanted)
    to_video = functional.cross_entropy(scale * texts @ all_videos.T, wanted)
    return (to_text + to_video) / 2


def said(rows: Tensor, phrases: int) -> Tensor:
    """Turn (b, R) phrase numbers of each report, filled with NO_PHRASE, into (b, ``phrases``) of 0 and 1."""
    found = torch.zeros((len(rows), phrases + 1), device=rows.device)  # NO_PHRASE marks the last column
    return found.scatter(1, rows.where(rows != NO_PHRASE, phrases), 1.0)[:, :-1]


def targets(phrases: Tensor, all_phrases: Tensor, own: Tensor, soft: float) -> Tensor:
    """Return (b, B) rows that sum to 1: 1 - ``soft`` on the own report, ``soft`` spread over reports by likeness.

    Likeness is the share of phrases that two reports have in common (Jaccard) to the fourth power, so that reports
    that say the same thing count and those that merely share the usual negatives hardly do. A report with no like
    keeps the whole target itself.
    """
    like = shared_phrases(phrases, all_phrases) ** 4
    like[torch.arange(len(own), device=own.device), own] = 1.0
    spread = like / like.sum(dim=1, keepdim=True)
    return (1 - soft) * functional.one_hot(own, all_phrases.shape[0]).float() + soft * spread


def shared_phrases(a: Tensor, b: Tensor) -> Tensor:
    """Return the Jaccard index of phrase sets: (n, P) and (m, Q) numbers, each row without repeats -> (n, m)."""
    known_a, known_b = a != NO_PHRASE, b != NO_PHRASE
    same = (a[:, None, :, None] == b[None, :, None, :]) & known_a[:, None, :, None] & known_b[None, :, None, :]
    both = same.any(dim=3).sum(dim=2).float()
    either = known_a.sum(dim=1)[:, None] + known_b.sum(dim=1)[None] - both
    return both / either.clamp(min=1)
