"""Evaluate an encoder on a public benchmark: EF with no, few and all labels, or a finding that is there or not.

The probes learn from the benchmark's training split and are scored on its test split, which nothing is chosen on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.errors import ConfigError
from echosearch.insight.intervals import Interval, auc_interval, mean_interval
from echosearch.insight.probes.fit import fit_study_probe
from echosearch.insight.sample import fold_of
from echosearch.search.arms.prompts import MILD, zero_shot_prompts
from echosearch.vector import Vectors, unit
from trainer.config import FIVE_VIEWS
from trainer.data.benchmark import Benchmark, LabelledStudy, read_benchmark, traced_ef
from trainer.data.cache import open_cache
from trainer.evaluation.few_shot import EfStudies, FewShot, few_shot, prompted_ef
from trainer.model.embed import embed_with

__all__ = ["BenchmarkScores", "evaluate_benchmark"]

MEANT = {"abnormal": "rwma"}  # a target -> the finding whose prompts ask for it
THERE = 4.0  # the grade of a finding that is there

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class BenchmarkScores:
    """Scores on the test split; what the target does not have is None."""

    encoder: str
    benchmark: str
    target: str
    labelled: int  # studies of the training split with a usable video
    test: int
    missing: int  # rows without a video or a label here
    unusable: int  # studies whose videos gave no clip
    error: Interval | None  # EF by prompts, points
    of_the_mean: Interval | None  # of always guessing the training split's mean
    probe_error: Interval | None  # EF by a probe on all labels
    few_shot: tuple[FewShot, ...]
    auc: Interval | None  # a finding by prompts
    probe_auc: Interval | None  # and by a probe on all labels; None if the labels do not do
    tracings: (
        Interval | None
    )  # EchoNet-Dynamic: mean difference of the tracings' EF to the table's, a check of the copy


@dataclass(frozen=True)
class _Embedded:
    vectors: Vectors  # (N, D)
    clips: tuple[Vectors, ...]
    labels: Numbers
    patients: tuple[str, ...]

    @property
    def ef(self) -> EfStudies:
        return EfStudies(self.labels, self.vectors, self.clips)


def evaluate_benchmark(
    bundle: Path,
    path: Path,
    *,
    target: str | None = None,
    root: Path | None = None,
    cache: Path = Path("cache"),
    device: str = "auto",
    clips_done: Callable[[int, int], None] | None = None,
) -> BenchmarkScores:
    """Evaluate ``bundle`` on the benchmark at ``path`` (trainer/data/benchmark.py). Raises ConfigError, TableError."""
    benchmark = read_benchmark(path, target, root)
    encoder = load_encoder(bundle, device)
    parts = {split: [one for one in benchmark.studies if one.split == split] for split in ("train", "test")}
    if min(map(len, parts.values())) < 2:
        raise ConfigError(
            f"{path} has {len(parts['train'])} training and {len(parts['test'])} test studies: 2 at least"
        )
    train, test = (_embedded(encoder, parts[split], cache, clips_done) for split in ("train", "test"))
    if min(len(train.labels), len(test.labels)) < 2:
        raise ConfigError(
            f"{path}: {len(train.labels)} training and {len(test.labels)} test studies have usable videos"
        )
    probe = _probe(encoder, benchmark.target, train, test)
    is_ef = benchmark.target == "EF"
    return BenchmarkScores(
        str(encoder.id),
        benchmark.name,
        benchmark.target,
        len(train.labels),
        len(test.labels),
        benchmark.missing,
        len(parts["train"]) + len(parts["test"]) - len(train.labels) - len(test.labels),
        _error(prompted_ef(encoder, test.vectors), test) if is_ef else None,
        _error(np.full(len(test.labels), train.labels.mean()), test) if is_ef else None,
        _error(probe, test) if is_ef and probe is not None else None,
        few_shot(encoder, train.ef, test.ef) if is_ef else (),
        None if is_ef else _auc(_by_prompts(encoder, benchmark.target, test.vectors), test),
        None if is_ef else _auc(probe, test),
        _traced(benchmark),
    )


def _embedded(
    encoder: Encoder, studies: Sequence[LabelledStudy], cache: Path, clips_done: Callable[[int, int], None] | None
) -> _Embedded:
    videos = [video for one in studies for video in one.study.videos]
    clips = open_cache(cache, videos, encoder.clip_spec, progress=clips_done)
    found = embed_with(encoder, [one.study for one in studies], clips, FIVE_VIEWS, 0.0)
    labels = {one.study.key: one.label for one in studies}
    return _Embedded(
        found.videos,
        tuple(np.stack([found.each[v.key] for v in study.videos if v.key in found.each]) for study in found.studies),
        np.array([labels[study.key] for study in found.studies], np.float64),
        tuple(study.patient for study in found.studies),
    )


def _probe(encoder: Encoder, target: str, train: _Embedded, test: _Embedded) -> Numbers | None:
    """Return what a probe on all training labels reads: the EF, or the probability; None if the labels do not do."""
    is_ef = target == "EF"
    folds = np.array([fold_of(patient) for patient in train.patients], np.int64)
    first = prompted_ef(encoder, train.vectors) if is_ef else _by_prompts(encoder, target, train.vectors)
    made = fit_study_probe(
        target,
        "value" if is_ef else "finding",
        first,
        unit(train.vectors).astype(np.float64),
        train.labels if is_ef else THERE * train.labels,
        train.patients,
        folds,
    )
    if isinstance(made, str):
        return None
    asked = prompted_ef(encoder, test.vectors) if is_ef else _by_prompts(encoder, target, test.vectors)
    reading = np.zeros(len(test.labels)) if asked is None else asked
    scores = made.scores(reading, unit(test.vectors).astype(np.float64), np.full(len(test.labels), -1))
    return scores[:, 0] if is_ef else made.probability(scores)


def _by_prompts(encoder: Encoder, target: str, videos: Vectors) -> Numbers | None:
    """Return the contrast of a finding's prompts, (N,); None if no prompts ask for the target."""
    if target not in MEANT:
        return None
    present, absent = zero_shot_prompts(MEANT[target], encoder.text_spec.language)

    def near(prompts: Sequence[str]) -> Numbers:
        cosine = unit(videos).astype(np.float64) @ unit(encoder.encode_texts(prompts)).astype(np.float64).T
        return np.asarray(cosine.mean(axis=1))

    there: Numbers = np.max([near(meaning) for meaning in present], axis=0)
    return there - near(absent) if absent else there


def _error(read: Numbers, test: _Embedded) -> Interval:
    return mean_interval(np.abs(read - test.labels), test.patients)


def _auc(scores: Numbers | None, test: _Embedded) -> Interval | None:
    return None if scores is None else auc_interval(scores, THERE * test.labels >= MILD, test.patients)


def _traced(benchmark: Benchmark) -> Interval | None:
    """Compare the EF of the tracings with the table's."""
    if not benchmark.tracings:
        return None
    by_video = {v.source.stem: one for one in benchmark.studies for v in one.study.videos if isinstance(v.source, Path)}
    pairs = [(traced_ef(frames), by_video[name]) for name, frames in benchmark.tracings.items() if name in by_video]
    apart = [(abs(ef - one.label), one.study.patient) for ef, one in pairs if ef is not None]
    if not apart:
        return None
    return mean_interval(np.array([each for each, _ in apart]), [patient for _, patient in apart])
