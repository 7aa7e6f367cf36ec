"""Fit the text head in closed form, over a frozen text tower and the table that the videos begin.

Ridge regression from what the text tower's last layer is given, for each phrase, for what one types into a search box
for it, and for each report where it is read in one piece, to where the table has them. A transformer with random
weights gives it a rich enough sight of the words, where it is wide enough (random features, Rahimi and Recht 2007),
and what synonyms share is averaged on the way.

What a text tower learns by gradients from there, over locked videos, is small (LiT, Zhai 2022; docs/experiments.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from echosearch.batch import batched
from echosearch.encoder.bundle.golden import pad_ids
from echosearch.encoder.text.tokenizer import Tokenizer
from echosearch.report.text import TextSpec, model_text
from trainer.data.batches import Batches
from trainer.model.phrase_table import PhraseTable
from trainer.warm_start.whiten import inputs_of, last_linear

__all__ = ["begin_texts", "solve_head", "typed_forms"]

CHUNK = 64  # texts
HALF = 30  # times said at which a phrase has half the weight of one that is always said
TYPED, REPORTS = 0.5, 0.5  # how much a typed form counts against its phrase, and all reports against all phrases
THERE = ("あり", "を認める")  # endings that say that something is there, and that a query leaves away
# a trace is no finding
GRADED = re.compile(r"(?:(軽度|中等度|高度|重度|少量|中等量|大量|多量)の?|(mild|moderate|severe) )(?=.)")
BEHIND = re.compile(r"(?:\([^()]*\)|（[^（）]*）)$")  # 「局所壁運動異常あり(前壁に無収縮あり)」
TEXT_RIDGE = 1e-4  # of the mean square of what the text head is given


def begin_texts(text: nn.Module, table: PhraseTable, batches: Batches, tokenizer: Tokenizer, spec: TextSpec) -> None:
    """Set the last layer of ``text``, in place, from the phrases and reports of ``batches``."""
    reports = [study.report for study, _ in batches.studies]
    rows = batches.rows()
    said = table.said(rows)  # (N, P)
    typed = [(number, form) for number, phrase in enumerate(batches.phrases) for form in typed_forms(phrase)]
    written = [f"{phrase}。" for phrase in (*batches.phrases, *(form for _, form in typed))]
    often = said.sum(dim=0) / (said.sum(dim=0) + HALF)
    same = [number for number, _ in typed]
    each_phrase = spec.format == "each_phrase_ja"
    with torch.no_grad():
        towards = table.phrases(each_phrase).cpu()
        wanted, weight = torch.cat([towards, towards[same]]), torch.cat([often, TYPED * often[same]])
        if not each_phrase:
            written += [model_text(report, spec) for report in reports]
            reports_at = table.reports(rows.to(table.share.device)).cpu()
            wanted = torch.cat([wanted, functional.normalize(reports_at, dim=-1)])
            weight = torch.cat([weight, torch.full((len(reports),), REPORTS * float(often.sum()) / len(reports))])
    solve_head(text, tokenizer.encode(written, spec.max_tokens), wanted, weight)


def typed_forms(phrase: str) -> tuple[str, ...]:
    """Return what people type into a search box for a positive phrase, without brackets; nothing for other phrases.

    「重度の僧帽弁逆流あり」 -> 「重度僧帽弁逆流」 「重度の僧帽弁逆流」 「僧帽弁逆流あり」 「僧帽弁逆流」
    「局所壁運動異常あり(前壁壁運動低下)」 -> 「局所壁運動異常」 「局所壁運動異常あり」
    Without its grade a form belongs to every grade's phrase, and ends up between them.
    """
    said = BEHIND.sub("", phrase).rstrip()
    bare = next((said.removesuffix(end) for end in THERE if said.endswith(end)), "")
    graded = GRADED.match(bare)
    if graded is None:
        typed = (bare, said) if said != phrase else (bare,)
        return typed if bare else ()
    finding = bare[graded.end() :]
    joined = [f"{graded[1]}{finding}", f"{graded[1]}の{finding}"] if graded[1] else [f"{graded[2]} {finding}"]
    return (*joined, f"{finding}あり", finding)


def solve_head(text: nn.Module, ids: Sequence[list[int]], wanted: Tensor, weight: Tensor) -> None:
    """Set the last layer of ``text``, which has no bias, in place.

    Weighted ridge regression from its inputs to ``wanted`` (n, D); ``ids`` are the texts' tokens, ``weight`` (n,) is
    how much each counts.
    """
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
