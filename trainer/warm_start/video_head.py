"""Fit the video tower's last layer and the phrase table in closed form, before the first step.

A small encoder on few cores has no steps to waste on finding out, by gradients through everything, what a linear map
can compute at once: over the outputs of the video trunk as it is (random where a run starts from nothing),

1. ridge regression from a study's mean trunk output to which phrases its report has (each phrase centred and scaled
   by its frequency); the penalty is the one whose predictions of left-out patients correlate best;
2. the directions of phrase space that such predictions get right, best first (reduced-rank regression, Izenman 1975):
   they are the shared space. The video head maps into it; a phrase's place in the table is its loadings.

Only training pairs are used. docs/experiments.md has what it gained over starting from noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from echosearch.batch import batched
from echosearch.encoder.towers.build import normalise
from echosearch.encoder.towers.spatial_pool import SpatialPool
from echosearch.errors import ConfigError
from echosearch.report.text import phrases
from trainer.config import TrainConfig
from trainer.data.batches import Batches, Pairs
from trainer.data.cache import ClipCache
from trainer.model.phrase_table import PhraseTable
from trainer.model.trainee import study_means
from trainer.warm_start.pool_init import init_path, init_pool
from trainer.warm_start.view_pretraining import kinds_of
from trainer.warm_start.whiten import inputs_of, last_linear

__all__ = ["STUDIES", "Space", "begin_heads", "shared_space"]

CHUNK = 64  # clips
OFTEN = 2  # times a phrase must be said to count
HALF = 6  # times said at which a phrase has half the weight of one that is always said
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # shares of the mean squared length of the features
FOLDS = 5
MOST, FAINT = 64, 0.02  # directions kept, and the least strength of one as a share of the best
PATH_CLIPS = 512  # of all, from which the path of a pool with turns begins
STUDIES = 2000  # more change little and cost a matrix of their number squared

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """A space of r directions: maps features and phrases into it. Rows are unit length or zero."""

    weight: Floats  # (r, F)
    bias: Floats  # (r,)
    phrases: Floats  # (P, r)
    strength: Floats  # (r,) how well each direction is predicted, falling


def begin_heads(tower: nn.Module, table: PhraseTable, batches: Batches, cache: ClipCache, config: TrainConfig) -> None:
    """Set the head of ``tower`` and the rows of ``table``, in place, from the first STUDIES; each process does the
    same.

    Raises ConfigError if no phrase is said often enough, or the head has no bias.
    """
    pairs = batches.studies[:STUDIES]
    head = last_linear(tower)
    if head.bias is None:
        raise ConfigError("optim.heads_first needs a video head with a bias")
    pool = getattr(tower, "places", None)
    if isinstance(pool, SpatialPool):
        if pool.path is not None:
            init_path(pool.path, _readouts(tower, pool, pairs, cache, config))
        seen = _of_videos(tower, pairs, cache, config, pool.readout)
        init_pool(pool, seen, kinds_of(pairs))
        with torch.no_grad():
            features = _study_means(pool.gated(seen), pairs)
    else:
        features = _study_means(_of_videos(tower, pairs, cache, config, head), pairs)
    often, said = _said([study.report for study, _ in pairs])
    space = shared_space(features, said, [study.patient for study, _ in pairs], config.model.dimension)
    rng = np.random.default_rng([config.seed, 105])
    turn = np.linalg.qr(rng.normal(size=(config.model.dimension, len(space.bias))))[0]  # r directions within D
    numbers = {phrase: number for number, phrase in enumerate(batches.phrases)}
    rows = torch.tensor([numbers[phrase] for phrase in often])
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(turn @ space.weight))
        head.bias.copy_(torch.from_numpy(turn @ space.bias))
        table.vectors[rows] = torch.from_numpy(space.phrases @ turn.T).to(table.vectors)


def shared_space(features: Floats, said: Floats, patients: Sequence[str], most: int) -> Space:
    """Find directions from ``features`` (N, F) and ``said`` (N, P) of 0 and 1, a row a study; at most ``most``.

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
    return Space(weight, -weight @ mean, _unit(directions), strength)


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
        raise ConfigError(
            f"optim.heads_first: no phrase is said {OFTEN} times in {len(reports)} reports: set it to false"
        )
    return often, np.array([[float(phrase in said) for phrase in often] for said in own])


def _study_means(found: Tensor, pairs: Pairs) -> Floats:
    """Each study's mean of its videos' rows: (V, F) -> (N, F)."""
    owner = torch.tensor([row for row, (_, videos) in enumerate(pairs) for _ in videos])
    means: Floats = study_means(found.double().cpu(), owner, len(pairs)).double().numpy()
    return means


def _readouts(tower: nn.Module, pool: SpatialPool, pairs: Pairs, cache: ClipCache, config: TrainConfig) -> list[Tensor]:
    """What the pool's path gets of each frame, (T, places * readout), of PATH_CLIPS videos."""
    keys = [video.key for _, videos in pairs for video in videos]
    found: list[Tensor] = []
    with torch.no_grad():
        for given, valid in _given(tower, pool.readout, keys[:: -(-len(keys) // PATH_CLIPS)], cache, config):
            read = pool.readout(given).flatten(2)
            found += [frames[:count] for frames, count in zip(read, valid, strict=True)]
    return found


def _of_videos(tower: nn.Module, pairs: Pairs, cache: ClipCache, config: TrainConfig, layer: nn.Linear) -> Tensor:
    """What ``layer`` of the trunk gets, or a SpatialPool's readout gives as ``seen``, for each video: (V, F)."""
    pool = getattr(tower, "places", None)
    found = []
    with torch.no_grad():
        keys = (video.key for _, videos in pairs for video in videos)
        for given, valid in _given(tower, layer, keys, cache, config):
            if isinstance(pool, SpatialPool) and layer is pool.readout:
                given = pool.seen(given)
            # a tower that looks at frames one by one takes the mean behind its head: before it is as good
            found.append(given.reshape(len(valid), -1, given.shape[-1]).mean(dim=1))
    return torch.cat(found)


def _given(
    tower: nn.Module, layer: nn.Linear, keys: Iterable[str], cache: ClipCache, config: TrainConfig
) -> Iterator[tuple[Tensor, list[int]]]:
    """Yield what ``layer`` gets of so many clips at a time, and how many frames of each clip are its own."""
    device = layer.weight.device
    for block in batched(keys, CHUNK):
        clips = [cache.clip(key) for key in block]
        pixels = torch.from_numpy(np.stack([clip.pixels for clip in clips])).to(device)
        n_valid = torch.tensor([clip.n_valid for clip in clips], device=device)
        yield inputs_of(tower, layer, [normalise(pixels, n_valid, config.model.clip)]), n_valid.tolist()
