"""Choose a step's studies, clips and texts: a pure function of (seed, step), whatever came before.

A batch draws each study once, with one set of its videos, so no two videos of one study are ever each other's
negatives. Chance is drawn for each (seed, step, study), so the same batch comes out for any number of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from echosearch.clip import Clip, Uint8
from echosearch.encoder.bundle.golden import pad_ids
from echosearch.encoder.text.tokenizer import Tokenizer
from echosearch.errors import ConfigError
from echosearch.report.text import model_texts, phrases
from echosearch.vector import Vectors, mean_vector
from echosearch.video import View
from trainer.config import TrainConfig
from trainer.data.augment import alter, draw_augmentation
from trainer.data.cache import ClipCache
from trainer.data.pairs import NO_PHRASE, NO_VIEW, Study, Video
from trainer.data.twins import draw_twins

__all__ = ["Batch", "Batches", "Pairs", "shuffled_report", "studies_of_step"]

Pairs = Sequence[tuple[Study, tuple[Video, ...]]]  # studies, each with the videos of it that count

_NO_PIXELS = np.empty((0, 1, 1, 1, 3), np.uint8)
_NO_VECTORS = torch.empty((0, 0))
VIEWS = tuple(View)  # as they are numbered
AHEAD = 2  # batches made while the model works


@dataclass(frozen=True)
class Batch:
    """One forward pass of one process: b studies with V videos in all."""

    pixels: Tensor  # (V, T, S, S, 3) uint8
    n_valid: Tensor  # (V,)
    owner: Tensor  # (V,) study of each video, 0 to b - 1, ascending
    # (R, L) tokens of the reports, phrases shuffled: b texts, or more where phrases are read apart;
    # (0, 0) where no text tower learns
    report_ids: Tensor
    report_owner: Tensor  # (R,) study of each, 0 to b - 1, ascending
    report_phrases: Tensor  # (b, P) numbers of the reports' phrases, NO_PHRASE fills
    phrase_ids: Tensor  # (Q, L') tokens of single phrases; (0, 0) where no text tower learns from a table
    phrase_rows: Tensor  # (Q,) their numbers
    vectors: Tensor  # (V, D) of the videos, where their tower is locked; then there are no pixels. Else (0, 0)
    keys: tuple[str, ...]  # (V) the videos
    patients: Tensor  # (b,) numbers of the studies' patients
    views: Tensor  # (V,) numbers of the videos' views, NO_VIEW where it is not known
    # the reports with one false statement: (Q, L) tokens of what is in no report, (0, 0) without loss.negation
    twin_ids: Tensor
    twin_parts: Tensor  # (E,) a text of a twin: its row in the reports' tokens, or behind them in ``twin_ids``
    twin_of: Tensor  # (E,) its twin, 0 to T - 1, ascending; a twin's vector is the mean of its texts'
    twin_owner: Tensor  # (T,) the study of each twin

    @property
    def n_studies(self) -> int:
        return len(self.report_phrases)

    def to(self, device: torch.device) -> Batch:
        moved: dict[str, Any] = {
            field.name: value.to(device, non_blocking=True)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)


def studies_of_step(n_studies: int, batch: int, seed: int, step: int) -> list[int]:
    """Return the ``batch`` studies of a step, none twice: each epoch is a new order, its remainder is left out."""
    per_epoch = n_studies // batch
    if per_epoch < 1:
        raise ConfigError(f"optim.batch {batch} is more than the {n_studies} studies to train on: make it smaller")
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng([seed, 101, epoch]).permutation(n_studies)
    return [int(i) for i in order[place * batch : (place + 1) * batch]]


def shuffled_report(report: str, max_phrases: int, rng: np.random.Generator) -> str:
    """Return the report's phrases in a new order, at most ``max_phrases`` of them (those drawn first)."""
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
        # set where the video tower stays as it is: raw vectors by video key, that batches hold in place of pixels
        self.locked: Mapping[str, Vectors] | None = None
        # every process and run numbers them alike
        self.phrases, self.shares = _phrases([study.report for study, _ in self._studies])
        self._numbers = {phrase: number for number, phrase in enumerate(self.phrases)}
        patients = sorted({study.patient for study, _ in self._studies})
        self._patients = {patient: number for number, patient in enumerate(patients)}
        self._frames_seen = data.frames_seen or config.model.clip.frames

    @property
    def studies(self) -> list[tuple[Study, tuple[Video, ...]]]:
        """The studies that training draws from, each with its usable videos."""
        return self._studies

    def study_vectors(self, vectors: Mapping[str, Vectors]) -> Tensor:
        """Return (N, D) raw vectors of the studies, from their videos' by key."""
        means = [mean_vector([vectors[video.key] for video in videos]) for _, videos in self._studies]
        return torch.from_numpy(np.stack(means))

    def rows(self) -> Tensor:
        """Return (N, R) numbers of each report's phrases, filled with NO_PHRASE."""
        own = [self._numbers_of(phrases(study.report)) for study, _ in self._studies]
        return _filled(own, max(map(len, own)))

    def _numbers_of(self, said: Sequence[str]) -> list[int]:
        return [self._numbers[phrase] for phrase in dict.fromkeys(said)]

    @staticmethod
    def _videos(study: Study, cache: ClipCache, config: TrainConfig) -> tuple[Video, ...]:
        wanted = study.of_views(config.data.train_views, config.data.min_view_prob)
        return tuple(video for video in wanted if cache.n_valid(video.key) > 0)

    def steps(self, first: int, last: int) -> Iterator[list[Batch]]:
        """Yield the batches of steps [first, last), ``accumulate`` of them a step; the next ones are made meanwhile."""
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
        seen: list[tuple[Uint8, int]] = []
        keys: list[str] = []
        owner: list[int] = []
        views: list[int] = []
        reports: list[list[str]] = []
        twins: list[tuple[int, list[str]]] = []  # study, texts
        numbers, drawn = [], []
        for row, index in enumerate(chosen):
            study, videos = self._studies[index]
            rng, of_pixels = (np.random.default_rng([self._config.seed, part, step, index]) for part in (102, 103))
            few = min(len(videos), self._config.data.videos_per_study)
            of_alterations = np.random.default_rng([self._config.seed, 104, step, index])
            mirrored = bool(of_alterations.random() < self._config.data.augment.mirror)
            for at in sorted(rng.choice(len(videos), few, replace=False)):
                key = videos[at].key
                start = int(rng.integers(self._cache.starts(key)))
                if self.locked is None:
                    pixels, valid = self._seen(self._cache.clip(key, start), of_pixels)
                    how = draw_augmentation(self._config.data.augment, mirrored, of_alterations)
                    seen.append((alter(pixels, how), valid))
                keys.append(key)
                owner.append(row)
                view = videos[at].view
                views.append(NO_VIEW if view is None else VIEWS.index(view))
            if loss.contrastive:  # without it no text tower reads anything
                shuffled = shuffled_report(study.report, model.max_phrases, rng)
                reports.append(model_texts(shuffled, model.text_spec))
                if loss.negation:
                    twins += [(row, texts) for texts in self._twins(shuffled, step, index)]
            own = phrases(study.report)
            numbers.append(self._numbers_of(own)[: model.max_phrases])
            if loss.contrastive and loss.table:
                drawn += [own[i] for i in rng.permutation(len(own))[: loss.phrases_per_study]]
        pool = list(dict.fromkeys(drawn))
        stacked = np.stack([each for each, _ in seen]) if seen else _NO_PIXELS
        tokens = self._tokenizer.encode([f"{phrase}。" for phrase in pool], model.max_tokens)
        said = [text for texts in reports for text in texts]
        report_tokens = self._tokenizer.encode(said, model.max_tokens)
        places = {text: at for at, text in enumerate(said)}
        new = list(dict.fromkeys(text for _, texts in twins for text in texts if text not in places))
        places |= {text: len(said) + at for at, text in enumerate(new)}
        return Batch(
            pixels=torch.from_numpy(stacked),
            n_valid=torch.tensor([valid for _, valid in seen], dtype=torch.int64),
            owner=torch.tensor(owner),
            report_ids=torch.from_numpy(pad_ids(report_tokens)),
            report_owner=torch.tensor([row for row, texts in enumerate(reports) for _ in texts], dtype=torch.int64),
            report_phrases=_filled(numbers, model.max_phrases),  # one width for all processes, which gather these rows
            phrase_ids=torch.from_numpy(pad_ids(tokens)),
            phrase_rows=torch.tensor([self._numbers[phrase] for phrase in pool], dtype=torch.int64),
            vectors=_NO_VECTORS if self.locked is None else torch.from_numpy(np.stack([self.locked[k] for k in keys])),
            keys=tuple(keys),
            patients=torch.tensor([self._patients[self._studies[index][0].patient] for index in chosen]),
            views=torch.tensor(views, dtype=torch.int64),
            twin_ids=torch.from_numpy(pad_ids(self._tokenizer.encode(new, model.max_tokens))),
            twin_parts=torch.tensor([places[text] for _, texts in twins for text in texts], dtype=torch.int64),
            twin_of=torch.tensor([twin for twin, (_, texts) in enumerate(twins) for _ in texts], dtype=torch.int64),
            twin_owner=torch.tensor([row for row, _ in twins], dtype=torch.int64),
        )

    def _twins(self, report: str, step: int, index: int) -> list[list[str]]:
        """Return the texts of each twin of a study's report, as the encoder reads a report: the same but for one
        phrase."""
        model, loss = self._config.model, self._config.loss
        rng = np.random.default_rng([self._config.seed, 105, step, index])
        said = phrases(report)
        return [
            model_texts("".join(f"{phrase}。" for phrase in (*said[:at], false, *said[at + 1 :])), model.text_spec)
            for at, false in draw_twins(report, loss.twins_per_study, rng)
        ]

    def _seen(self, clip: Clip, rng: np.random.Generator) -> tuple[Uint8, int]:
        """All frames of the clip, or a few drawn at random (SingleImage), and how many of them are no padding; moved a
        little where data.shift says so."""
        most = self._config.data.shift
        pixels = np.roll(clip.pixels, rng.integers(-most, most + 1, 2), (1, 2)) if most else clip.pixels
        if self._frames_seen == self._config.model.clip.frames:
            return pixels, clip.n_valid
        return pixels[np.sort(rng.choice(clip.n_valid, self._frames_seen))], self._frames_seen


def _filled(rows: Sequence[Sequence[int]], width: int) -> Tensor:
    """(N, width) phrase numbers, NO_PHRASE behind them."""
    return torch.tensor([[*row, *[NO_PHRASE] * (width - len(row))] for row in rows], dtype=torch.int64)


def _phrases(reports: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """All phrases of the reports, sorted, and the share of reports that say each: never quite 0 or 1."""
    counts = Counter(phrase for report in reports for phrase in set(phrases(report)))
    known = tuple(sorted(counts))
    return known, torch.tensor([(counts[phrase] + 0.5) / (len(reports) + 1) for phrase in known])
