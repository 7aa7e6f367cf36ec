"""Reading findings and EF off videos by prompts, with no label ever trained on: EchoCLIP's method, in Japanese.

Finding   score = mean cosine to the prompts that say it is there ("present"; the nearest place's where it has several),
          and that less the mean cosine to those that say it is not ("contrast"); AUC over studies
EF        a prompt for each value from 10 to 80 %; the estimate is the median of the fifth of the values whose prompts
          are nearest; mean absolute error in points of EF
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echosearch.search.arms.prompts import MILD, value_prompts, zero_shot_prompts
from echosearch.search.arms.value_scale import nearest_values
from echosearch.vector import Vectors, unit
from trainer.data.pairs import Study
from trainer.evaluation.metrics import EXACT, auc, patient_bootstrap
from trainer.evaluation.retrieval import Interval

__all__ = ["FINDINGS", "EjectionFraction", "FindingScore", "ejection_fraction", "findings"]

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


@dataclass(frozen=True)
class FindingScore:
    """AUC of one finding; ``contrast`` equals ``present`` where no report says its absence."""

    name: str
    positives: int
    negatives: int
    present: Interval
    contrast: Interval


@dataclass(frozen=True)
class EjectionFraction:
    mean_absolute_error: Interval
    of_the_mean: float  # the error of always guessing the test set's mean
    correlation: float
    studies: int


def findings(
    videos: Vectors, studies: Sequence[Study], texts: Texts, seed: int = 0, samples: int = 200
) -> tuple[FindingScore, ...]:
    """For every finding that the truth knows and that some studies have and some have not.

    ``samples`` of the bootstrap; 0: no intervals.
    """
    known = [i for i, study in enumerate(studies) if study.truth is not None]
    if not known:
        return ()
    towards = unit(videos[known])
    patients = [studies[i].patient for i in known]
    found = []
    for name, concept in FINDINGS.items():
        grades = np.array([_grade(studies[i], name) for i in known])
        there = grades >= MILD
        if not 0 < there.sum() < len(there):
            continue
        present, absent = zero_shot_prompts(concept)
        near = np.max([_near(towards, texts(meaning)) for meaning in present], axis=0)
        contrast = np.round(near - _near(towards, texts(absent)), EXACT) if absent else near
        found.append(
            FindingScore(
                name,
                int(there.sum()),
                int((~there).sum()),
                _auc_interval(near, there, patients, seed, samples),
                _auc_interval(contrast, there, patients, seed, samples),
            )
        )
    return tuple(found)


def ejection_fraction(
    videos: Vectors, studies: Sequence[Study], texts: Texts, seed: int = 0
) -> EjectionFraction | None:
    """None where no truth is known."""
    truths = [(i, study.truth.ef) for i, study in enumerate(studies) if study.truth is not None]
    if len(truths) < 2:
        return None
    rows = [i for i, _ in truths]
    true = np.array([ef for _, ef in truths])
    towards = unit(videos[rows])
    asked = value_prompts("lvef")
    assert asked is not None
    cosine = np.stack([_near(towards, texts(level.meanings[0])) for level in asked.levels], axis=1)
    guess = nearest_values(cosine, np.array([level.value for level in asked.levels], np.float64))
    errors = np.abs(guess - true)
    low, high = patient_bootstrap(lambda kept: float(errors[kept].mean()), [studies[i].patient for i in rows], seed)
    constant = guess.std() == 0 or true.std() == 0
    return EjectionFraction(
        Interval(float(errors.mean()), low, high),
        float(np.abs(true - true.mean()).mean()),
        0.0 if constant else float(np.corrcoef(guess, true)[0, 1]),
        len(rows),
    )


def _near(towards: Vectors, prompts: Vectors) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = (towards.astype(np.float64) @ unit(prompts).astype(np.float64).T).mean(axis=1)
    return np.round(mean, EXACT)


def _grade(study: Study, finding: str) -> int:
    assert study.truth is not None
    return study.truth.grades.get(finding, 0)


def _auc_interval(
    score: NDArray[np.float64], there: NDArray[np.bool_], patients: Sequence[str], seed: int, samples: int
) -> Interval:
    low, high = patient_bootstrap(lambda kept: auc(score[kept], there[kept]), patients, seed, samples)
    return Interval(auc(score, there), low, high)
