"""Which studies a step sees, and their clips and texts: a pure function of (seed, step), whatever came before.

A batch draws each study once, with one set of its videos, so no two videos of one study are ever each other's
negatives. Chance is drawn for each (seed, step, study), so the same batch comes out for any number of processes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from echosearch.clip import Clip
from echosearch.encoder.golden import pad_ids
from echosearch.encoder.tokenizer import Tokenizer
from echosearch.errors import ConfigError
from echosearch.report.text import phrases
from trainer.cache import ClipCache
from trainer.config import TrainConfig
from trainer.loss import NO_PHRASE
from trainer.pairs import Study, Video

__all__ = ["Batch", "Batches", "shuffled_report", "studies_of_step"]

_NO_PIXELS = (np.empty((0, 1, 1, 1, 3), np.uint8), np.empty(0, np.int64))
AHEAD = 2  # batches made while the model works


@dataclass(frozen=True)
class Batch:
    """One forward pass of one process: b studies with V videos in all."""

    pixels: Tensor  # (V, T, S, S, 3) uint8
    n_valid: Tensor  # (V,)
    owner: Tensor  # (V,) study of each video, 0 to b - 1, ascending
    report_ids: Tensor  # (b, L) tokens, phrases shuffled
    report_phrases: Tensor  # (b, P) numbers of the reports' phrases, NO_PHRASE fills
    phrase_ids: Tensor  # (Q, L') tokens of single phrases; (0, 0) when they are not trained on
    said: Tensor  # (b, Q) whether a report says the phrase
    prior: Tensor  # (Q,) log odds of a training report's saying it
    keys: tuple[str, ...]  # (V) the videos

    def to(self, device: torch.device) -> Batch:
        moved: dict[str, Any] = {
            field.name: value.to(device, non_blocking=True)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)


def studies_of_step(n_studies: int, batch: int, seed: int, step: int) -> list[int]:
    """The ``batch`` studies of a step, none twice: each epoch is a new order, its remainder is left out."""
    per_epoch = n_studies // batch
    if per_epoch < 1:
        raise ConfigError(f"optim.batch {batch} is more than the {n_studies} studies to train on: make it smaller")
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng([seed, 101, epoch]).permutation(n_studies)
    return [int(i) for i in order[place * batch : (place + 1) * batch]]


def shuffled_report(report: str, max_phrases: int, rng: np.random.Generator) -> str:
    """The report's phrases in a new order, at most ``max_phrases`` of them (those drawn first)."""
    said = phrases(report)
    return "".join(f"{said[i]}。" for i in rng.permutation(len(said))[:max_phrases])


class Batches:
    """Batches of the training studies, for one process of ``world``."""

    def __init__(
        self,
        studies: Sequence[Study],
        cache: ClipCache,
        tokenizer: Tokenizer,
        config: TrainConfig,
        rank: int = 0,
        world: int = 1,
        with_pixels: bool = True,
    ) -> None:
        data, optim = config.data, config.optim
        usable = [(s, self._videos(s, cache, config)) for s in studies]
        self._studies = [(study, videos) for study, videos in usable if videos]
        self.n_studies = len(self._studies)
        self.left_out = len(usable) - self.n_studies  # no video of the views wanted, or none that could be read
        self._cache, self._tokenizer, self._config = cache, tokenizer, config
        share, rest = divmod(optim.batch, optim.accumulate * world)
        if rest:
            raise ConfigError(
                f"optim.batch {optim.batch} is not a multiple of {world} processes x {optim.accumulate} accumulations"
            )
        self._share, self._rank, self._world = share, rank, world
        self._with_pixels = with_pixels
        self._numbers, self._prior = _phrase_numbers([study.report for study, _ in self._studies])
        self._frames_seen = data.frames_seen or config.model.clip.frames

    @property
    def studies(self) -> list[tuple[Study, tuple[Video, ...]]]:
        """What training draws from: each study with its usable videos."""
        return self._studies

    @staticmethod
    def _videos(study: Study, cache: ClipCache, config: TrainConfig) -> tuple[Video, ...]:
        wanted = study.of_views(config.data.train_views, config.data.min_view_prob)
        return tuple(video for video in wanted if cache.n_valid(video.key) > 0)

    def steps(self, first: int, last: int) -> Iterator[list[Batch]]:
        """The batches of steps [first, last), ``accumulate`` of them a step; the next ones are made meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(self.step, s) for s in range(first, min(first + AHEAD, last))]
            for step in range(first, last):
                ready = waiting.pop(0)
                if step + AHEAD < last:
                    waiting.append(pool.submit(self.step, step + AHEAD))
                yield ready.result()

    def step(self, step: int) -> list[Batch]:
        optim = self._config.optim
        chosen = studies_of_step(self.n_studies, optim.batch, self._config.seed, step)
        made = []
        for part in range(optim.accumulate):
            start = (part * self._world + self._rank) * self._share
            made.append(self._batch(step, chosen[start : start + self._share]))
        return made

    def _batch(self, step: int, chosen: Sequence[int]) -> Batch:
        model, loss = self._config.model, self._config.loss
        clips: list[Clip] = []
        keys: list[str] = []
        owner: list[int] = []
        reports, numbers, drawn = [], [], []
        for row, index in enumerate(chosen):
            study, videos = self._studies[index]
            rng = np.random.default_rng([self._config.seed, 102, step, index])
            few = min(len(videos), self._config.data.videos_per_study)
            for at in sorted(rng.choice(len(videos), few, replace=False)):
                key = videos[at].key
                start = int(rng.integers(self._cache.starts(key)))
                if self._with_pixels:
                    clips.append(self._cache.clip(key, start))
                keys.append(key)
                owner.append(row)
            reports.append(shuffled_report(study.report, model.max_phrases, rng))
            own = phrases(study.report)
            numbers.append([self._numbers[phrase] for phrase in dict.fromkeys(own)][: model.max_phrases])
            if loss.phrases:
                drawn += [own[i] for i in rng.permutation(len(own))[: loss.phrases_per_study]]
        pool = list(dict.fromkeys(drawn))
        pool_numbers = np.array([self._numbers[phrase] for phrase in pool], np.int64)
        # one width for all processes, which gather these rows
        rows = np.array([own + [NO_PHRASE] * (model.max_phrases - len(own)) for own in numbers], np.int64)
        pixels, n_valid = self._pixels(step, chosen, clips) if self._with_pixels else _NO_PIXELS
        tokens = self._tokenizer.encode([f"{phrase}。" for phrase in pool], model.max_tokens)
        return Batch(
            pixels=torch.from_numpy(pixels),
            n_valid=torch.from_numpy(n_valid),
            owner=torch.tensor(owner),
            report_ids=torch.from_numpy(pad_ids(self._tokenizer.encode(reports, model.max_tokens))),
            report_phrases=torch.from_numpy(rows),
            phrase_ids=torch.from_numpy(pad_ids(tokens)),
            said=torch.from_numpy((rows[:, :, None] == pool_numbers[None, None]).any(axis=1)),
            prior=torch.tensor([self._prior[phrase] for phrase in pool], dtype=torch.float32),
            keys=tuple(keys),
        )

    def _pixels(
        self, step: int, chosen: Sequence[int], clips: Sequence[Clip]
    ) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
        """All frames of the clips, or a few drawn at random (SingleImage)."""
        if self._frames_seen == self._config.model.clip.frames:
            return np.stack([clip.pixels for clip in clips]), np.array([clip.n_valid for clip in clips], np.int64)
        rng = np.random.default_rng([self._config.seed, 103, step, chosen[0]])
        taken = [clip.pixels[np.sort(rng.choice(clip.n_valid, self._frames_seen))] for clip in clips]
        return np.stack(taken), np.full(len(clips), self._frames_seen, np.int64)


def _phrase_numbers(reports: Sequence[str]) -> tuple[dict[str, int], dict[str, float]]:
    """For each phrase a number that is the same in every process and run, and the log odds of a report's saying it."""
    counts = Counter(phrase for report in reports for phrase in set(phrases(report)))
    odds = {phrase: math.log((n + 0.5) / (len(reports) - n + 0.5)) for phrase, n in counts.items()}
    return {phrase: crc32(phrase.encode()) for phrase in counts}, odds
