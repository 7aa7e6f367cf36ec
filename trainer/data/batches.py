"""Choose a step's studies, clips and texts: a pure function of (seed, step), whatever came before.

A batch draws each study once, with one set of its videos, so no two videos of one study are ever each other's
negatives. Chance is drawn for each (seed, step, study), so the same batch comes out for any number of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
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
            each.name: value.to(device, non_blocking=True)
            for each in fields(self)
            if isinstance(value := getattr(self, each.name), Tensor)
        }
        return replace(self, **moved)


@dataclass
class _Part:
    """What one study brings to a batch."""

    clips: list[tuple[Uint8, int]] = field(default_factory=list)  # (T, S, S, 3), and how many frames are no padding
    keys: list[str] = field(default_factory=list)  # of its videos
    views: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of all its phrases
    texts: list[str] = field(default_factory=list)  # its report, as the text tower reads it
    twins: list[list[str]] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)  # those drawn for the table


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
        parts = [self._part(step, index) for index in chosen]
        clips = [clip for part in parts for clip in part.clips]
        keys = tuple(key for part in parts for key in part.keys)
        drawn = list(dict.fromkeys(phrase for part in parts for phrase in part.phrases))
        said = [text for part in parts for text in part.texts]
        twins = [(row, texts) for row, part in enumerate(parts) for texts in part.twins]
        places = {text: at for at, text in enumerate(said)}
        new = list(dict.fromkeys(text for _, texts in twins for text in texts if text not in places))
        places |= {text: len(said) + at for at, text in enumerate(new)}
        return Batch(
            pixels=torch.from_numpy(np.stack([pixels for pixels, _ in clips]) if clips else _NO_PIXELS),
            n_valid=_integers(valid for _, valid in clips),
            owner=_integers(row for row, part in enumerate(parts) for _ in part.keys),
            report_ids=self._tokens(said),
            report_owner=_integers(row for row, part in enumerate(parts) for _ in part.texts),
            # one width for all processes, which gather these rows
            report_phrases=_filled([part.numbers for part in parts], self._config.model.max_phrases),
            phrase_ids=self._tokens([f"{phrase}。" for phrase in drawn]),
            phrase_rows=_integers(self._numbers[phrase] for phrase in drawn),
            vectors=_NO_VECTORS if self.locked is None else torch.from_numpy(np.stack([self.locked[k] for k in keys])),
            keys=keys,
            patients=_integers(self._patients[self._studies[index][0].patient] for index in chosen),
            views=_integers(view for part in parts for view in part.views),
            twin_ids=self._tokens(new),
            twin_parts=_integers(places[text] for _, texts in twins for text in texts),
            twin_of=_integers(twin for twin, (_, texts) in enumerate(twins) for _ in texts),
            twin_owner=_integers(row for row, _ in twins),
        )

    def _part(self, step: int, index: int) -> _Part:
        """Draw what a study brings to a batch: its videos first, then its words."""
        study, videos = self._studies[index]
        model, loss = self._config.model, self._config.loss
        rng = np.random.default_rng([self._config.seed, 102, step, index])
        part = self._videos_of(videos, step, index, rng)
        own = phrases(study.report)
        part.numbers += self._numbers_of(own)[: model.max_phrases]
        if loss.contrastive:  # without it no text tower reads anything
            shuffled = shuffled_report(study.report, model.max_phrases, rng)
            part.texts += model_texts(shuffled, model.text_spec)
            part.twins += self._twins(shuffled, step, index) if loss.negation else []
        if loss.contrastive and loss.table:
            part.phrases += [own[i] for i in rng.permutation(len(own))[: loss.phrases_per_study]]
        return part

    def _videos_of(self, videos: Sequence[Video], step: int, index: int, rng: np.random.Generator) -> _Part:
        """Draw a few videos of a study and where their clips start; altered clips, unless the video tower is locked."""
        data, part = self._config.data, _Part()
        of_pixels, of_alterations = (np.random.default_rng([self._config.seed, of, step, index]) for of in (103, 104))
        mirrored = bool(of_alterations.random() < data.augment.mirror)
        few = min(len(videos), data.videos_per_study)
        for at in sorted(rng.choice(len(videos), few, replace=False)):
            key, view = videos[at].key, videos[at].view
            start = int(rng.integers(self._cache.starts(key)))
            if self.locked is None:
                pixels, valid = self._seen(self._cache.clip(key, start), of_pixels)
                how = draw_augmentation(data.augment, mirrored, of_alterations)
                part.clips.append((alter(pixels, how), valid))
            part.keys.append(key)
            part.views.append(NO_VIEW if view is None else VIEWS.index(view))
        return part

    def _tokens(self, texts: Sequence[str]) -> Tensor:
        return torch.from_numpy(pad_ids(self._tokenizer.encode(texts, self._config.model.max_tokens)))

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


def _integers(values: Iterable[int]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.int64)


def _filled(rows: Sequence[Sequence[int]], width: int) -> Tensor:
    """(N, width) phrase numbers, NO_PHRASE behind them."""
    return torch.tensor([[*row, *[NO_PHRASE] * (width - len(row))] for row in rows], dtype=torch.int64)


def _phrases(reports: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """All phrases of the reports, sorted, and the share of reports that say each: never quite 0 or 1."""
    counts = Counter(phrase for report in reports for phrase in set(phrases(report)))
    known = tuple(sorted(counts))
    return known, torch.tensor([(counts[phrase] + 0.5) / (len(reports) + 1) for phrase in known])
