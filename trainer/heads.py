"""Heads first: before the first step, the last layer of the video tower in closed form, and the text tower after it.

A small encoder on few cores has no steps to waste on finding out, by gradients through everything, what a linear map
can tell at once: over the outputs of the video trunk as it stands (random where a run starts from nothing),

1. ridge regression from a study's mean trunk output to which phrases its report has (each phrase centred and scaled
   by its frequency); the penalty is the one whose predictions of left-out patients correlate best;
2. the directions of phrase space that such predictions get right, best first (reduced-rank regression, Izenman 1975):
   they are the shared space. The video head maps into it; a phrase's place in it is its loadings, a report's is
   the sum of its phrases';
3. the text tower learns to put phrases and shuffled reports there, by ``optim.heads_first`` steps of AdamW.

Only training pairs are used. docs/experiments.md has what it gained over starting from noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from echosearch.batch import batched
from echosearch.encoder.golden import pad_ids
from echosearch.encoder.model import normalise
from echosearch.encoder.places_head import PlacesPool
from echosearch.encoder.tokenizer import Tokenizer
from echosearch.errors import ConfigError
from echosearch.report.text import phrases
from echosearch.study import View
from trainer.batches import Batches, shuffled_report
from trainer.cache import ClipCache
from trainer.config import TrainConfig
from trainer.model import Trainee
from trainer.pairs import Study
from trainer.prime import prime_places
from trainer.whiten import inputs_of, last_linear

__all__ = ["Space", "shared_space", "train_heads"]

CHUNK = 64  # clips
OFTEN = 2  # times a phrase must be said to count
HALF = 6  # times said at which a phrase has half the weight of one that is always said
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # shares of the mean squared length of the features
FOLDS = 5
MOST, FAINT = 64, 0.02  # directions kept, and the least strength of one as a share of the best
REPORTS, PHRASES = 24, 160  # of one step of the text tower

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """A space of r directions: maps features there, and where phrases and reports lie. Rows are unit length or zero."""

    weight: Floats  # (r, F)
    bias: Floats  # (r,)
    phrases: Floats  # (P, r)
    reports: Floats  # (N, r)
    strength: Floats  # (r,) how well each direction is predicted, falling


def train_heads(
    trainee: Trainee,
    studies: Sequence[Study],
    cache: ClipCache,
    tokenizer: Tokenizer,
    config: TrainConfig,
    progress: Callable[[int, int, float], None] | None = None,
) -> None:
    """In place; each process does the same. Raises ConfigError where no phrase is said often enough."""
    batches = Batches(studies, cache, tokenizer, config, with_pixels=False)
    pool = getattr(trainee.towers.video, "places", None)
    if isinstance(pool, PlacesPool):
        seen = _of_videos(trainee, batches, cache, pool.readout)
        prime_places(pool, seen, _classes(batches))
        with torch.no_grad():
            features = _study_means(pool.gated(seen), batches)
    else:
        features = _study_means(_of_videos(trainee, batches, cache, last_linear(trainee.towers.video)), batches)
    reports = [study.report for study, _ in batches.studies]
    often, said = _said(reports)
    space = shared_space(features, said, [study.patient for study, _ in batches.studies], config.model.dimension)
    head = last_linear(trainee.towers.video)
    rng = np.random.default_rng([config.seed, 105])
    turn = np.linalg.qr(rng.normal(size=(config.model.dimension, len(space.bias))))[0]  # r directions within D
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(turn @ space.weight))
        if head.bias is None:
            raise ConfigError("optim.heads_first needs a video head with a bias")
        head.bias.copy_(torch.from_numpy(turn @ space.bias))
    wanted = [torch.from_numpy(rows @ turn.T).float() for rows in (space.phrases, space.reports)]
    counts = torch.from_numpy(_weights(said)).float()
    _fit_texts(trainee, tokenizer, config, (often, reports), (wanted[0], wanted[1]), counts, progress)


def shared_space(features: Floats, said: Floats, patients: Sequence[str], most: int) -> Space:
    """``features`` (N, F) and ``said`` (N, P) of 0 and 1, row i is one study; at most ``most`` directions.

    Predictions that choose the penalty and weigh the directions are of patients left out: a patient's studies are
    alike in pictures and words, and leaving out a single study would reward knowing the patient again.
    """
    share = said.mean(axis=0)
    phrases_of = (said - share) / np.sqrt(np.maximum(share * (1 - share), 1e-9)) * _weights(said)
    mean = features.mean(axis=0)
    centred = features - mean
    gram = centred @ centred.T
    size = float(np.trace(gram)) / len(gram)
    tried = {penalty: _left_out(gram, phrases_of, patients, penalty * size) for penalty in PENALTIES}
    penalty, predicted = max(tried.items(), key=lambda item: _correlation(item[1], phrases_of))
    agreement = predicted.T @ phrases_of
    strength, directions = np.linalg.eigh((agreement + agreement.T) / (2 * len(features)))
    order = np.argsort(-strength)[: min(most, MOST)]
    order = order[strength[order] > FAINT * strength[order[0]]]
    strength, directions = strength[order], directions[:, order]
    guessed, true = predicted @ directions, phrases_of @ directions
    slope = np.clip((guessed * true).sum(axis=0) / np.maximum((guessed**2).sum(axis=0), 1e-12), 0.0, 1.0)
    dual = np.linalg.solve(gram + penalty * size * np.eye(len(gram)), phrases_of @ (directions * slope))
    weight = (centred.T @ dual).T
    spread = np.sqrt(((centred @ weight.T) ** 2).sum(axis=1).mean())
    weight /= max(float(spread), 1e-12)
    return Space(weight, -weight @ mean, _unit(directions), _unit(phrases_of @ directions), strength)


def _left_out(gram: Floats, wanted: Floats, patients: Sequence[str], penalty: float) -> Floats:
    """Predictions of kernel ridge regression for each of FOLDS groups of patients from the others."""
    fold = np.unique(np.asarray(patients), return_inverse=True)[1] % FOLDS
    predicted = np.empty_like(wanted)
    for number in range(FOLDS):
        out, kept = fold == number, fold != number
        inner = gram[np.ix_(kept, kept)] + penalty * np.eye(int(kept.sum()))
        mean = wanted[kept].mean(axis=0)
        predicted[out] = mean + gram[np.ix_(out, kept)] @ np.linalg.solve(inner, wanted[kept] - mean)
    return predicted


def _correlation(predicted: Floats, true: Floats) -> float:
    """Mean over phrases of the correlation of prediction and truth."""
    a, b = predicted - predicted.mean(axis=0), true - true.mean(axis=0)
    return float(((a * b).sum(axis=0) / np.sqrt(np.maximum((a**2).sum(axis=0) * (b**2).sum(axis=0), 1e-12))).mean())


def _weights(said: Floats) -> Floats:
    """How much each phrase counts: little is known of where one belongs that was said twice."""
    times = said.sum(axis=0)
    weights: Floats = times / (times + HALF)
    return weights


def _unit(rows: Floats) -> Floats:
    scaled: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return scaled


def _said(reports: Sequence[str]) -> tuple[list[str], Floats]:
    """Phrases that are said often, and which report says which."""
    own = [set(phrases(report)) for report in reports]
    counts = Counter(phrase for said in own for phrase in said)
    often = sorted(phrase for phrase, n in counts.items() if OFTEN <= n < len(reports))
    if not often:
        raise ConfigError(f"optim.heads_first: no phrase is said {OFTEN} times in {len(reports)} reports: set it to 0")
    return often, np.array([[float(phrase in said) for phrase in often] for said in own])


def _study_means(found: Tensor, batches: Batches) -> Floats:
    """Each study's mean of its videos' rows: (V, F) -> (N, F)."""
    owner = np.array([row for row, (_, videos) in enumerate(batches.studies) for _ in videos])
    sums = np.zeros((len(batches.studies), found.shape[1]))
    np.add.at(sums, owner, found.double().cpu().numpy())
    means: Floats = sums / np.bincount(owner)[:, None]
    return means


def _of_videos(trainee: Trainee, batches: Batches, cache: ClipCache, layer: nn.Linear) -> Tensor:
    """What ``layer`` of the trunk gets, or a PlacesPool's readout gives as ``seen``, for each video: (V, F)."""
    tower = trainee.towers.video
    device = layer.weight.device
    pool = getattr(tower, "places", None)
    found = []
    with torch.no_grad():
        for block in batched((video.key for _, videos in batches.studies for video in videos), CHUNK):
            clips = [cache.clip(key) for key in block]
            pixels = torch.from_numpy(np.stack([clip.pixels for clip in clips])).to(device)
            n_valid = torch.tensor([clip.n_valid for clip in clips], device=device)
            given = inputs_of(tower, layer, [normalise(pixels, n_valid, trainee.clip)])
            found.append(pool.seen(given) if isinstance(pool, PlacesPool) and layer is pool.readout else given)
    return torch.cat(found)


def _classes(batches: Batches) -> list[int]:
    """View and colour of each video as one number; -1 without a view."""
    kinds = [(list(View).index(v.view), v.color) if v.view else None for _, videos in batches.studies for v in videos]
    names = {kind: number for number, (kind, _) in enumerate(Counter(k for k in kinds if k).most_common())}
    return [names[kind] if kind else -1 for kind in kinds]


def _fit_texts(
    trainee: Trainee,
    tokenizer: Tokenizer,
    config: TrainConfig,
    texts: tuple[Sequence[str], Sequence[str]],
    places: tuple[Tensor, Tensor],
    weights: Tensor,
    progress: Callable[[int, int, float], None] | None,
) -> None:
    """The text tower to the places of phrases and of shuffled reports: its last layer by ridge regression, then all of
    it by gradients of 1 - cosine. Without dropout: there is hardly a step to lose."""
    often, reports = texts
    text, steps, model = trainee.towers.text, config.optim.heads_first, config.model
    device = next(text.parameters()).device

    def ids(written: Sequence[str]) -> Tensor:
        return torch.from_numpy(pad_ids(tokenizer.encode(written, model.max_tokens))).to(device)

    text.eval()
    rng = np.random.default_rng([config.seed, 107])
    whole = [f"{phrase}。" for phrase in often] + [shuffled_report(r, model.max_phrases, rng) for r in reports]
    _solve_last(text, [ids(block) for block in batched(whole, CHUNK)], torch.cat(places))
    optimizer = torch.optim.AdamW(text.parameters(), lr=config.optim.lr, betas=config.optim.betas, weight_decay=0.01)
    for step in range(steps):
        rng = np.random.default_rng([config.seed, 106, step])
        some = rng.choice(len(often), min(PHRASES, len(often)), replace=False)
        few = rng.choice(len(reports), min(REPORTS, len(reports)), replace=False)
        near = functional.cosine_similarity(text(ids([f"{often[i]}。" for i in some])), places[0][some].to(device))
        weight = weights[some].to(device)
        written = text(ids([shuffled_report(reports[i], model.max_phrases, rng) for i in few]))
        loss = ((1 - near) * weight).sum() / weight.sum()
        loss = loss + (1 - functional.cosine_similarity(written, places[1][few].to(device))).mean()
        for group in optimizer.param_groups:
            group["lr"] = config.optim.lr * min((step + 1) / 20, 1.0) * (1 - step / steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(text.parameters(), config.optim.clip_norm)
        optimizer.step()
        if progress and (step + 1) % config.run.log_every == 0:
            progress(step + 1, steps, float(loss.detach()))


def _solve_last(text: nn.Module, batches: Sequence[Tensor], places: Tensor) -> None:
    head = last_linear(text)
    with torch.no_grad():
        given = torch.cat([inputs_of(text, head, [ids]) for ids in batches]).double().cpu()
        square = given.T @ given
        square += 1e-3 * square.diagonal().mean() * torch.eye(len(square), dtype=torch.float64)
        head.weight.copy_(torch.linalg.solve(square, given.T @ places.double()).T)
