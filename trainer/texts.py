"""Texts first: over a video tower that stays as it is, the phrase table, and the head of the text tower in closed form.

1. the table over the studies' unit vectors, which are cheap once they stand: ridge regression to which phrases the
   reports have, then its own loss (table.py) by gradients, in seconds. A phrase's row is the direction along which the
   videos tell it;
2. ridge regression from what the text tower's last layer is given, for each phrase, for what one types into a search
   box for it, and for each report where it is read in one piece, to where the table has them. A transformer with random
   weights gives it a rich enough sight of the words, where it is wide enough (random features, Rahimi and Recht 2007),
   and what synonyms share is averaged on the way.

What a text tower learns by gradients from there, over locked videos, is small (LiT, Zhai 2022; docs/experiments.md).
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn
from torch.nn import functional

from echosearch.batch import batched
from echosearch.encoder.golden import pad_ids
from echosearch.encoder.tokenizer import Tokenizer
from echosearch.report.text import TextSpec, model_text, phrases
from trainer.batches import Batches
from trainer.loss import NO_PHRASE
from trainer.table import PhraseTable
from trainer.whiten import inputs_of, last_linear

__all__ = ["as_typed", "begin_texts"]

CHUNK = 64  # texts
HALF = 6  # times said at which a phrase has half the weight of one that is always said
LEARN, EPOCHS, LR = 256, 40, 3e-3  # studies of one step of the table alone; its pace, of rows of length 1
RIDGE = 0.03  # of the videos' mean variance
TYPED, REPORTS = 0.25, 0.5  # how much a typed form counts against its phrase, and all reports against all phrases
THERE = ("あり", "を認める")  # endings that say that something is there, and that a query leaves away
GRADED = re.compile(r"^(軽度|中等度|高度|重度|少量|中等量|大量|多量)の?")  # a trace is no finding
TEXT_RIDGE = 1e-3  # of the mean square of what the text head is given


def begin_texts(text: nn.Module, table: PhraseTable, batches: Batches, tokenizer: Tokenizer, spec: TextSpec) -> None:
    """The rows of ``table`` and the last layer of ``text``, in place, from ``batches`` whose videos are locked."""
    studies = torch.from_numpy(batches.study_vectors())
    reports = [study.report for study, _ in batches.studies]
    rows = _rows(reports, batches.phrases)
    said = table.said(rows)  # (N, P)
    with torch.no_grad():
        table.vectors.copy_(_directions(functional.normalize(studies, dim=-1), said))
    _learn(table, studies, rows)
    typed = [(number, form) for number, phrase in enumerate(batches.phrases) for form in as_typed(phrase)]
    written = [f"{phrase}。" for phrase in (*batches.phrases, *(form for _, form in typed))]
    often = said.sum(dim=0) / (said.sum(dim=0) + HALF)
    same = [number for number, _ in typed]
    each_phrase = spec.format == "each_phrase_ja"
    with torch.no_grad():
        towards = table.phrases(each_phrase)
        wanted, weight = torch.cat([towards, towards[same]]), torch.cat([often, TYPED * often[same]])
        if not each_phrase:
            written += [model_text(report, spec) for report in reports]
            wanted = torch.cat([wanted, functional.normalize(table.reports(rows), dim=-1)])
            weight = torch.cat([weight, torch.full((len(reports),), REPORTS * float(often.sum()) / len(reports))])
    _solve(text, tokenizer.encode(written, spec.max_tokens), wanted, weight)


def as_typed(phrase: str) -> tuple[str, ...]:
    """What one types into a search box for a phrase that says that something is there; nothing for the others.

    「重度の僧帽弁逆流あり」 -> 「重度の僧帽弁逆流」 「僧帽弁逆流あり」 「僧帽弁逆流」
    Without its grade a form belongs to every grade's phrase, and ends up between them.
    """
    bare = next((phrase.removesuffix(end) for end in THERE if phrase.endswith(end)), "")
    if not bare:
        return ()
    ungraded = GRADED.sub("", bare)
    return (bare,) if ungraded in (bare, "") else (bare, f"{ungraded}あり", ungraded)


def _rows(reports: list[str], known: tuple[str, ...]) -> Tensor:
    """(N, R) numbers of each report's phrases, NO_PHRASE fills."""
    numbers = {phrase: number for number, phrase in enumerate(known)}
    own = [[numbers[phrase] for phrase in dict.fromkeys(phrases(report))] for report in reports]
    widest = max(map(len, own))
    return torch.tensor([row + [NO_PHRASE] * (widest - len(row)) for row in own])


def _directions(studies: Tensor, said: Tensor) -> Tensor:
    """Ridge regression from unit vectors (N, D) to 0 and 1 (N, P): (P, D) rows of length 1."""
    centred = (studies - studies.mean(dim=0)).double()
    gram = centred.T @ centred
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    found = torch.linalg.solve(gram, centred.T @ (said - said.mean(dim=0)).double())
    return functional.normalize(found.T.float(), dim=-1)


def _learn(table: PhraseTable, studies: Tensor, rows: Tensor) -> None:
    """The table's own loss over fixed study vectors: Adam, LEARN studies a step, each seen EPOCHS times, lr to 0."""
    optimizer = torch.optim.Adam(table.parameters(), lr=LR)
    order = torch.Generator().manual_seed(109)
    steps = EPOCHS * -(-len(studies) // LEARN)
    for step in range(steps):
        chosen = torch.randint(len(studies), (min(LEARN, len(studies)),), generator=order)
        for group in optimizer.param_groups:
            group["lr"] = LR * (1 - step / steps)
        optimizer.zero_grad(set_to_none=True)
        table.loss(studies[chosen], rows[chosen]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _solve(text: nn.Module, ids: list[list[int]], wanted: Tensor, weight: Tensor) -> None:
    """The last layer of ``text``, which has no bias: weighted ridge regression from its inputs to ``wanted`` (n, D)."""
    head = last_linear(text)
    device = head.weight.device
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))  # texts of like length go together
    width, dimension = head.in_features, head.out_features
    gram, towards = torch.zeros(width, width, dtype=torch.float64), torch.zeros(width, dimension, dtype=torch.float64)
    with torch.no_grad():
        for chosen in batched(order, CHUNK):
            padded = torch.from_numpy(pad_ids([ids[i] for i in chosen])).to(device)
            given = inputs_of(text, head, [padded]).double().cpu()
            weighed = given * weight[chosen, None]
            gram += weighed.T @ given
            towards += weighed.T @ wanted[chosen].double()
        gram += TEXT_RIDGE * gram.diagonal().mean() * torch.eye(width, dtype=torch.float64)
        head.weight.copy_(torch.linalg.solve(gram, towards).T)
