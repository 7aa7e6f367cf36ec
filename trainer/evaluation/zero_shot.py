"""Read findings and EF off videos by prompts, with no label ever trained on: EchoCLIP's method.

Finding   score = mean cosine to the prompts that say it is there ("present"; of several places the nearest), and that
          less the mean cosine to the prompts that say it is not ("contrast"); AUC over studies
EF        a prompt for each value from 10 to 80 %; the estimate is the median of the fifth of the values whose prompts
          are nearest; mean absolute error in points of EF

Held-out wording: the same with prompts of families of wording that no encoder here was trained on (prompts_other.py):
other laboratories' reports, and referral letters.
Chosen: the form, present or contrast, that scores higher in the other half of the patients; so it is never chosen on
the studies that it is scored on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echosearch.insight.intervals import (
    EXACT,
    SAMPLES,
    Interval,
    Sorted,
    auc,
    auc_interval,
    mean_interval,
    patient_bootstrap,
    patient_draws,
    percentiles,
)
from echosearch.phantom.patients.prompts_other import HELD_OUT, Family, other_ef_prompts, other_prompts
from echosearch.search.arms.prompts import MILD, Language, value_prompts, zero_shot_prompts
from echosearch.search.arms.value_scale import nearest_values
from echosearch.vector import Vectors, unit
from trainer.data.pairs import Study, Truth
from trainer.data.split import of_patient

__all__ = [
    "FINDINGS",
    "EjectionFraction",
    "FindingReading",
    "FindingScore",
    "ejection_fraction",
    "findings",
    "read_ef",
    "read_findings",
]

FINDINGS = {  # a column of truth.csv -> its concept in the lexicon and the prompts
    **{name: name for name in ("mr", "ar", "tr", "as", "ms", "lv_dilation", "lv_hypertrophy")},
    **{name: name for name in ("la_dilation", "ra_dilation", "rv_dilation")},
    "dyssynchrony": "lv_dyssynchrony",
    "pericardial_effusion": "pericardial_effusion",
    "wall_motion": "rwma",
    "pacemaker": "device_lead",
    "prosthetic_valve": "prosthetic_valve",
}

Texts = Callable[[Sequence[str]], Vectors]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class FindingScore:
    """AUC of one finding; ``contrast`` equals ``present`` if no report states its absence."""

    name: str
    positives: int
    negatives: int
    present: Interval
    contrast: Interval
    chosen: Interval  # mean AUC of two halves of the patients, each by the form that is better in the other half
    held_out: Interval | None  # contrast in the held-out wording; None for an encoder that does not read Japanese
    held_out_referral: Interval | None  # the same in that of letters


@dataclass(frozen=True)
class EjectionFraction:
    """EF by prompts, in points."""

    mean_absolute_error: Interval
    held_out: Interval | None  # the same error in the held-out wording
    held_out_referral: Interval | None
    of_the_mean: Interval  # the error of always guessing the test set's mean
    correlation: Interval
    studies: int


@dataclass(frozen=True)
class FindingReading:
    """One finding of N studies whose truth is known, and their scores by prompts."""

    name: str
    there: NDArray[np.bool_]  # (N,)
    present: Scores  # (N,)
    contrast: Scores  # (N,)


def read_findings(
    videos: Vectors,
    truths: Sequence[Truth],
    texts: Texts,
    language: Language = "ja",
    held_out: Family | None = None,
) -> tuple[FindingReading, ...]:
    """Return the scores of every finding that some of the studies have and some have not.

    ``videos`` (N, D) raw; ``held_out`` asks in a held-out family of wording.
    """
    towards = unit(videos)
    found = []
    for name, concept in FINDINGS.items():
        there = np.array([truth.grades.get(name, 0) >= MILD for truth in truths], bool)
        if not 0 < there.sum() < len(there):
            continue
        present, absent = other_prompts(name, held_out) if held_out else zero_shot_prompts(concept, language)
        near = np.max([_near(towards, texts(meaning)) for meaning in present], axis=0)
        contrast = np.round(near - _near(towards, texts(absent)), EXACT) if absent else near
        found.append(FindingReading(name, there, near, contrast))
    return tuple(found)


def findings(
    videos: Vectors,
    studies: Sequence[Study],
    texts: Texts,
    seed: int = 0,
    samples: int = SAMPLES,
    language: Language = "ja",
) -> tuple[FindingScore, ...]:
    """Evaluate every finding that the truth knows and that some studies have and some have not.

    ``samples`` of the bootstrap; 0: no intervals.
    """
    known = [i for i, study in enumerate(studies) if study.truth is not None]
    if not known:
        return ()
    truths = [truth for truth in (studies[i].truth for i in known) if truth is not None]
    patients = [studies[i].patient for i in known]
    read = read_findings(videos[known], truths, texts, language)
    others = {
        family: {one.name: one for one in read_findings(videos[known], truths, texts, held_out=family)}
        for family in (HELD_OUT if language == "ja" else ())
    }

    def interval(one: FindingReading, score: Scores) -> Interval:
        return auc_interval(score, one.there, patients, seed, samples)

    def held_out(name: str, family: Family) -> Interval | None:
        asked = others.get(family, {}).get(name)
        return interval(asked, asked.contrast) if asked else None

    return tuple(
        FindingScore(
            one.name,
            int(one.there.sum()),
            int((~one.there).sum()),
            interval(one, one.present),
            interval(one, one.contrast),
            _chosen(one, patients, seed, samples),
            held_out(one.name, "other"),
            held_out(one.name, "referral"),
        )
        for one in read
    )


def _chosen(read: FindingReading, patients: Sequence[str], seed: int, samples: int) -> Interval:
    """Return the mean AUC of both halves of the patients, each by the form that is better in the other half."""
    first = np.array([of_patient(patient, seed, (0.5, 0.0, 0.5)) == "train" for patient in patients])
    parts = []
    for half in (first, ~first):
        present, contrast = (auc(score[~half], read.there[~half]) for score in (read.present, read.contrast))
        score = read.present if present > contrast else read.contrast  # contrast too if the other half cannot tell
        if 0 < read.there[half].sum() < half.sum():
            parts.append((half, Sorted(score[half], read.there[half])))
    if not parts:
        return Interval(float("nan"))

    def both(weight: Scores) -> float:
        return float(np.mean([part.auc(weight[half]) for half, part in parts]))

    draws = [both(weight) for weight in patient_draws(patients, samples, seed)]
    return percentiles(both(np.ones(len(patients))), np.array(draws))


def ejection_fraction(
    videos: Vectors, studies: Sequence[Study], texts: Texts, seed: int = 0, language: Language = "ja"
) -> EjectionFraction | None:
    """Evaluate EF by prompts; None if fewer than two studies have a truth."""
    truths = [(i, study.truth.ef) for i, study in enumerate(studies) if study.truth is not None]
    if len(truths) < 2:
        return None
    rows = [i for i, _ in truths]
    true = np.array([ef for _, ef in truths])
    patients = [studies[i].patient for i in rows]

    def error(guess: Scores) -> Interval:
        return mean_interval(np.abs(guess - true), patients, seed)

    guess = read_ef(videos[rows], texts, language)

    def correlation(kept: NDArray[np.int64]) -> float:
        constant = guess[kept].std() == 0 or true[kept].std() == 0
        return 0.0 if constant else float(np.corrcoef(guess[kept], true[kept])[0, 1])

    return EjectionFraction(
        error(guess),
        error(read_ef(videos[rows], texts, held_out="other")) if language == "ja" else None,
        error(read_ef(videos[rows], texts, held_out="referral")) if language == "ja" else None,
        error(np.full(len(true), true.mean())),
        Interval(correlation(np.arange(len(rows))), *patient_bootstrap(correlation, patients, seed)),
        len(rows),
    )


def read_ef(videos: Vectors, texts: Texts, language: Language = "ja", held_out: Family | None = None) -> Scores:
    """Return the EF of (N, D) raw study vectors by prompts, (N,) in points."""
    asked = value_prompts("lvef", language)
    assert asked is not None
    levels = [
        (level.value, other_ef_prompts(round(level.value), held_out) if held_out else level.meanings[0])
        for level in asked.levels
    ]
    towards = unit(videos)
    cosine = np.stack([_near(towards, texts(prompts)) for _, prompts in levels], axis=1)
    return nearest_values(cosine, np.array([value for value, _ in levels], np.float64))


def _near(towards: Vectors, prompts: Vectors) -> Scores:
    """Return the mean cosine of (N, D) unit vectors to (K, D) raw prompts, (N,)."""
    mean: Scores = (towards.astype(np.float64) @ unit(prompts).astype(np.float64).T).mean(axis=1)
    return np.round(mean, EXACT)
