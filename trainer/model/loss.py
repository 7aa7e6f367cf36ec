"""The losses of training, as pure functions of vectors.

contrastive   CLIP's (Radford 2021): each study's videos against the reports of the batch, and the other way
              With twins (Yuksekgonul 2023, NegCLIP), a study's videos also against its own report with one
              statement made false
same_view     supervised contrastive (Khosla 2020) over single videos: those of one view against those of others
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainer.data.pairs import NO_PHRASE, NO_VIEW
from trainer.distributed import gather_rows, process_rank, world

__all__ = ["TwinTexts", "contrastive", "said", "same_view", "shared_phrases", "targets"]


@dataclass(frozen=True)
class TwinTexts:
    """Reports with one false statement: ``vectors`` (T, D) raw, ``owner`` (T,) the study of each, 0 to b - 1."""

    vectors: Tensor
    owner: Tensor
    weight: float = 1.0  # of a twin beside another study's report


def contrastive(
    videos: Tensor,
    texts: Tensor,
    scale: Tensor,
    phrases: Tensor | None = None,
    soft: float = 0.0,
    patients: Tensor | None = None,
    twins: TwinTexts | None = None,
) -> Tensor:
    """Return the symmetric cross-entropy over the studies of all processes; a scalar, the mean over this one's rows.

    ``videos``, ``texts`` (b, D) raw, row i of both is one study; ``scale`` is 1 / temperature. ``phrases`` (b, P) are
    the numbers of each report's phrases, for ``soft`` targets. ``patients`` (b,) number the patients: another study
    of the same patient is neither positive nor negative. ``twins`` join the softmax of their own study's videos over
    texts, and no other. A batch of B identical vectors gives log(B).
    """
    videos, texts = functional.normalize(videos.float(), dim=-1), functional.normalize(texts.float(), dim=-1)
    all_videos, all_texts = gather_rows(videos), gather_rows(texts)
    own = torch.arange(len(videos), device=videos.device) + process_rank() * len(videos)
    alone = functional.one_hot(own, len(all_texts)).float()
    left_out = torch.zeros_like(alone, dtype=torch.bool)
    if patients is not None:
        left_out = (patients[:, None] == gather_rows(patients)[None]) & (alone == 0)
    wanted = alone
    if soft > 0 and phrases is not None:
        wanted = targets(phrases, gather_rows(phrases), own, soft, left_out)
    to_text = _without(scale * videos @ all_texts.T, left_out)
    to_video = _without(scale * texts @ all_videos.T, left_out)
    text_wanted = wanted
    if twins is not None and len(twins.owner):
        near = scale * videos @ functional.normalize(twins.vectors.float(), dim=-1).T + math.log(twins.weight)
        others = twins.owner[None] != torch.arange(len(videos), device=videos.device)[:, None]
        to_text = torch.cat([to_text, _without(near, others)], dim=1)
        text_wanted = torch.cat([wanted, torch.zeros_like(near)], dim=1)
    return (functional.cross_entropy(to_text, text_wanted) + functional.cross_entropy(to_video, wanted)) / 2


def _without(logits: Tensor, left_out: Tensor) -> Tensor:
    """``logits`` of which those ``left_out`` count for nothing: finite, so that a target of 0 times them is 0."""
    return logits.masked_fill(left_out, torch.finfo(logits.dtype).min)


def same_view(videos: Tensor, views: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the supervised contrastive loss of single videos, over the videos of all processes; a scalar.

    ``videos`` (V, D) raw, ``views`` (V,) numbers, NO_VIEW for a video that does not count. V may differ among
    processes. For each video with another of its view: the mean over those of -log of their share in the softmax over
    all other videos. 0 if no video has such another.
    """
    most = int(gather_rows(torch.tensor([len(videos)], device=videos.device)).max())
    fill = most - len(videos)
    padded = functional.pad(functional.normalize(videos.float(), dim=-1), (0, 0, 0, fill))
    own_views = functional.pad(views, (0, fill), value=NO_VIEW)  # what fills counts for nothing
    others, other_views = gather_rows(padded), gather_rows(own_views)
    at = torch.arange(most, device=videos.device) + process_rank() * most
    itself = functional.one_hot(at, len(others)).bool()
    share = torch.log_softmax(_without(padded @ others.T / temperature, itself | (other_views == NO_VIEW)[None]), dim=1)
    same = (own_views[:, None] == other_views[None]) & ~itself & (own_views != NO_VIEW)[:, None]
    positives = same.sum(dim=1)
    each = -share.masked_fill(~same, 0.0).sum(dim=1) / positives.clamp(min=1)
    # a process's share of the mean over all processes' anchors: their numbers differ
    anchors = gather_rows((positives > 0).sum()[None]).sum().clamp(min=1)
    return each.sum() * world() / anchors


def said(rows: Tensor, phrases: int) -> Tensor:
    """Turn (b, R) phrase numbers of each report, filled with NO_PHRASE, into (b, ``phrases``) of 0 and 1."""
    found = torch.zeros((len(rows), phrases + 1), device=rows.device)  # NO_PHRASE marks the last column
    return found.scatter(1, rows.where(rows != NO_PHRASE, phrases), 1.0)[:, :-1]


def targets(phrases: Tensor, all_phrases: Tensor, own: Tensor, soft: float, left_out: Tensor | None = None) -> Tensor:
    """Return (b, B) rows that sum to 1: 1 - ``soft`` on the own report, ``soft`` spread over reports by likeness.

    Likeness is the share of phrases that two reports have in common (Jaccard) to the fourth power, so that reports
    that say the same thing count and those that merely share the usual negatives hardly do. A report with no like
    keeps the whole target itself. ``left_out`` (b, B) get nothing.
    """
    like = shared_phrases(phrases, all_phrases) ** 4
    if left_out is not None:
        like = like.masked_fill(left_out, 0.0)
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
