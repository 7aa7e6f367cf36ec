"""Look up where the text tower has what is taught, and the directions that are its own alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.report.facts import FindingCondition, ValueCondition, load_lexicon
from echosearch.search.arms.video_arm import ask_videos
from trainer.evaluation.zero_shot import FINDINGS

__all__ = ["ORDERED", "WALLS", "PromptPlaces", "clear_of", "plane_of", "prompt_places", "smooth"]

ORDERED = "dyssynchrony"  # a column of truth.csv: the finding that the order of frames tells
WALLS = "wall_motion"  # another, that has territories
PLANE = 2  # directions of EF: which way, and how far from the middle
SMOOTH = 8.0  # points of EF, over which prompts are averaged: each has its own noise

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PromptPlaces:
    """Where the text tower has what is taught, and all else that it is asked for. All rows are of length D."""

    findings: Mapping[str, Floats]  # (D,) of each column of truth.csv but wall motion's
    territories: Floats  # (3, D) the walls of each less no wall
    low_ef: Floats  # (D,)
    values: Floats  # (V,) of EF
    of_values: Floats  # (V, D) mean prompts of each value


def prompt_places(encoder: Encoder) -> PromptPlaces:
    """Embed the prompts of all findings, of each territory of wall motion and of each value of EF."""
    names = [name for name in FINDINGS if name != WALLS]
    made = ask_videos(
        encoder,
        dict(load_lexicon().labels),
        [
            *(FindingCondition(FINDINGS[name], "present", None) for name in (*names, WALLS)),
            ValueCondition("lvef", "<", 40, None, "%"),
        ],
    )
    *directions, _, low_ef = (direction.astype(np.float64) for direction in made.directions)
    *_, (walls,), (ef,) = made.levels
    regions = walls.meanings[walls.level == walls.level.max()].astype(np.float64)
    return PromptPlaces(
        dict(zip(names, directions, strict=True)),
        regions - walls.meanings[walls.level == 0].mean(axis=0),
        low_ef,
        ef.values,
        ef.meanings.astype(np.float64),
    )


def clear_of(own: Floats, rest: Sequence[Floats]) -> Floats:
    """Return (K, D) unit directions, at right angles to each other, of (K, D): what they have that ``rest`` has not."""
    apart, _ = np.linalg.qr(np.stack(rest).T)
    left = own - own @ apart @ apart.T
    directions, turn = np.linalg.qr(left.T)
    made: Floats = (directions * np.sign(np.diag(turn))).T  # the same way round
    return made


def plane_of(asked: PromptPlaces) -> Floats:
    """Return (PLANE, D): the directions in which the prompts of EF, averaged over neighbouring values, move most."""
    averaged = smooth(asked.values) @ asked.of_values
    made: Floats = np.linalg.svd(averaged - averaged.mean(axis=0), full_matrices=False)[2][:PLANE]
    return made


def smooth(values: Floats) -> Floats:
    """Return (V, V): how much each value counts of its neighbours in the mean around it."""
    near = np.exp(-np.square((values[:, None] - values) / SMOOTH) / 2)
    made: Floats = near / near.sum(axis=1, keepdims=True)
    return made
