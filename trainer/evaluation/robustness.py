"""Measure what an encoder loses to another wording, depth, gain, order in time, colour or machine.

Each row alters all videos, or the wording of reports and prompts, and is scored like the evaluation. ``loss`` is
paired: R@10 of the unaltered videos less R@10 of the altered ones, by the same queries and draws of patients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.batch import batched
from echosearch.encoder.base import Encoder
from echosearch.errors import ConfigError, FileRefused
from echosearch.insight.intervals import Interval, Sorted, mean_interval, patient_draws, percentiles
from echosearch.insight.probe import Probe, probe
from echosearch.phantom.patients.prompts_other import Family
from echosearch.phantom.patients.wording_other import report_text as other_report_text
from echosearch.vector import Vectors, mean_vector, unit
from trainer.config import DataConfig, TrainConfig
from trainer.data.pairs import Drawn, Study
from trainer.data.split import Split
from trainer.evaluation.alterations import ALTERATIONS, DRAWN_ONLY, Alteration, altered_clips
from trainer.evaluation.prepare import TestSet, prepare_test
from trainer.evaluation.retrieval import places, scores
from trainer.evaluation.zero_shot import FindingReading, read_ef, read_findings

__all__ = ["AS_THEY_ARE", "HELD_OUT", "Robustness", "RobustnessRow", "WorstFinding", "robustness"]

AS_THEY_ARE, HELD_OUT = "as they are", "held-out wording"
BLOCK = 16  # clips that an encoder gets at a time

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WorstFinding:
    """The finding whose AUC falls most; None in its place if none falls."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class RobustnessRow:
    """One condition; what the data cannot tell is None."""

    name: str
    cosine: Interval  # of a study's vector to that of the unaltered videos
    auc: Interval | None  # zero-shot by contrast, mean over findings
    worst: WorstFinding | None
    ef_error: Interval | None  # mean absolute error in points, by prompts
    recall: Interval  # R@10, video to report
    loss: Interval  # of R@10


@dataclass(frozen=True)
class Robustness:
    """All conditions, and how well the vendor is read off the unaltered study vectors."""

    encoder: str
    split: str
    studies: int
    patients: int
    left_out: int  # videos that gave no clip under some condition
    depth_by: Literal["drawing", "scaling"]
    rows: tuple[RobustnessRow, ...]
    vendor: Probe


@dataclass(frozen=True)
class _Scored:
    """Scores of one condition, a value for each study."""

    read: tuple[FindingReading, ...]
    ef_errors: Floats | None
    within: Floats  # 1 if the study's own report is among the first ten


def robustness(
    bundle: Path,
    split: Split | Literal["all"] = "test",
    config: TrainConfig | DataConfig | None = None,
    *,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Robustness:
    """Evaluate ``bundle`` under every condition; arguments are those of evaluate. Nothing is kept on disk.

    ``progress(done, total)`` counts studies. Raises Leakage, ConfigError, BundleError.
    """
    ready = prepare_test(bundle, split, config, device)
    drawn = all(isinstance(video.source, Drawn) for study in ready.studies for video in study.videos)
    alterations = [one for one in ALTERATIONS if drawn or one.name not in DRAWN_ONLY]
    studies, vectors, left_out = _embedded(ready, [*alterations], progress)
    if len(studies) < 2:
        raise ConfigError(f"{len(studies)} studies have a usable video: retrieval needs at least 2")
    encoder, patients = ready.encoder, [study.patient for study in studies]
    texts = encoder.encode_texts([study.report for study in studies])
    base = _scored(encoder, vectors[0], texts, studies)
    rows = [_row(AS_THEY_ARE, base, base, vectors[0], vectors[0], patients)]
    if encoder.text_spec.language == "ja":
        others = [text for text in map(_reworded, studies) if text is not None]
        # of files only the prompts are worded anew: their reports are as they are
        reworded = encoder.encode_texts(others) if len(others) == len(studies) else texts
        scored = _scored(encoder, vectors[0], reworded, studies, "other")
        rows.append(_row(HELD_OUT, scored, base, vectors[0], vectors[0], patients))
    for one, altered in zip(alterations, vectors[1:], strict=True):
        scored = _scored(encoder, altered, texts, studies)
        rows.append(_row(one.name, scored, base, altered, vectors[0], patients))
    return Robustness(
        str(encoder.id),
        split,
        len(studies),
        len(set(patients)),
        left_out,
        "drawing" if drawn else "scaling",
        tuple(rows),
        _vendor(vectors[0], studies),
    )


def _embedded(
    ready: TestSet, alterations: Sequence[Alteration], progress: Callable[[int, int], None] | None
) -> tuple[list[Study], list[Vectors], int]:
    """Return the studies with a usable video, their (N, D) raw means unaltered and under each condition, and how many
    videos some condition left without a clip.
    """
    kept: list[Study] = []
    means: list[list[Vectors]] = [[] for _ in range(len(alterations) + 1)]
    left_out = 0
    for done, study in enumerate(ready.studies, 1):
        each: list[Vectors] = []  # (conditions, D) of a video
        for video in study.of_views(ready.data.eval_views, ready.data.min_view_prob):
            try:
                clips = altered_clips(video, ready.encoder.clip_spec, alterations)
            except (FileRefused, OSError):
                left_out += 1
                continue
            each.append(np.concatenate([ready.encoder.encode_clips(block) for block in batched(clips, BLOCK)]))
        if each:
            kept.append(study)
            for condition, vectors in enumerate(means):
                vectors.append(mean_vector([video[condition] for video in each]))
        if progress:
            progress(done, len(ready.studies))
    return kept, [np.stack(vectors) for vectors in means] if kept else [], left_out


def _scored(
    encoder: Encoder, videos: Vectors, texts: Vectors, studies: Sequence[Study], held_out: Family | None = None
) -> _Scored:
    within = scores(places(videos, texts))["r10"]
    truths = [study.truth for study in studies if study.truth is not None]
    if len(truths) < len(studies):
        return _Scored((), None, within)
    language = encoder.text_spec.language
    read = read_findings(videos, truths, encoder.encode_texts, language, held_out)
    known = np.array([truth.ef for truth in truths])
    return _Scored(read, np.abs(read_ef(videos, encoder.encode_texts, language, held_out) - known), within)


def _row(
    name: str, scored: _Scored, base: _Scored, videos: Vectors, unaltered: Vectors, patients: Sequence[str]
) -> RobustnessRow:
    cosine = (unit(videos).astype(np.float64) * unit(unaltered)).sum(axis=1)
    value, worst = _aucs(scored.read, base.read, patients)
    return RobustnessRow(
        name,
        mean_interval(cosine, patients),
        value,
        worst,
        None if scored.ef_errors is None else mean_interval(scored.ef_errors, patients),
        mean_interval(scored.within, patients),
        mean_interval(base.within - scored.within, patients),
    )


def _aucs(
    read: Sequence[FindingReading], base: Sequence[FindingReading], patients: Sequence[str]
) -> tuple[Interval | None, WorstFinding | None]:
    """Return the mean AUC over findings, and the finding that falls most below ``base``."""
    if not read:
        return None, None
    ordered = [Sorted(one.contrast, one.there) for one in read]
    ones = np.ones(len(patients))
    values = [one.auc(ones) for one in ordered]
    before = [Sorted(one.contrast, one.there).auc(ones) for one in base]
    draws = [_known_mean([one.auc(weight) for one in ordered]) for weight in patient_draws(patients)]
    value = percentiles(float(np.mean(values)), np.array(draws))
    falls = np.array(before) - np.array(values)
    at = int(np.argmax(falls))
    return value, WorstFinding(read[at].name, before[at], values[at]) if falls[at] > 0 else None


def _known_mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _reworded(study: Study) -> str | None:
    """The report of a phantom drawn in memory in the held-out wording; None for another study."""
    source = study.videos[0].source
    return other_report_text(source.study) if isinstance(source, Drawn) else None


def _vendor(videos: Vectors, studies: Sequence[Study]) -> Probe:
    """How well a linear probe reads the vendor, in patients that it was not fitted on."""
    owners = [sha256(study.patient.encode()).hexdigest() for study in studies]  # folds go by hexadecimal keys
    return probe("vendor", unit(videos).astype(np.float64), [study.vendor for study in studies], owners)
