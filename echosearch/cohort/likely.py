"""Studies that no report speaks of and whose videos make the question likely, by a calibrated probability.

A condition that the report or a measurement states counts as certain; the others have the probability of their
calibration, and the product of all is compared with the threshold.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from echosearch.archive import Archive
from echosearch.cohort.definition import Definition, criterion_words
from echosearch.cohort.toml import condition_table
from echosearch.db import Connection, lookup
from echosearch.db.cohorts.counting import put_likely, silent_studies
from echosearch.db.cohorts.plan import Plan, Stated, Window
from echosearch.errors import EncoderMismatch, InputError
from echosearch.report.facts import Lexicon
from echosearch.search.arms.belief import ENOUGH
from echosearch.search.arms.scale import Scale, measured_scale
from echosearch.search.arms.video_arm import AskedVideos, ask_videos

__all__ = ["Calibrated", "add_likely", "calibrated"]

_BATCH = 2000  # studies in memory, 4 MB at 512 dimensions


@dataclass(frozen=True)
class Calibrated:
    """How videos are asked, by which encoder and which calibration."""

    asked: AskedVideos
    scale: Scale
    encoder: str  # fingerprint
    version: str  # of the calibration: a hash of its curves


def calibrated(
    archive: Archive, connection: Connection, encoder_id: int, definition: Definition, plan: Plan, lexicon: Lexicon
) -> Calibrated:
    """Fit a calibration for every condition on the archive's own reports.

    Raises EncoderMismatch if the definition was made with another encoder, InputError if a condition has no
    calibration.
    """
    archive.check_encoder()
    own = archive.encoder_info.fingerprint
    made = definition.made.encoder
    if made is not None and made != own:
        raise EncoderMismatch(
            f"cohort {definition.name} asks videos by the encoder {made[:12]}, {archive.encoder_info} is in use: their"
            " probabilities are not comparable; define it again (--replace), or put that encoder in use"
        )
    asked = ask_videos(archive.encoder, dict(lexicon.labels), plan.required)
    silent = [one for one in plan.required if one not in asked.conditions]
    if not silent:
        asked, scale = measured_scale(archive, connection, encoder_id, asked)
        silent = [one for one, belief in zip(asked.conditions, scale.beliefs, strict=True) if not belief.labelled]
    if silent:
        words = criterion_words(Stated(silent[0]), lexicon)
        raise InputError(
            f"cohort {definition.name}: no calibrated probability of {words}: it takes {ENOUGH} studies whose reports"
            f" state it and {ENOUGH} that deny it, and videos that tell them apart; leave out --video-at-least"
        )
    curves = [
        (condition_table(c), b.slope, b.offset, b.labelled)
        for c, b in zip(asked.conditions, scale.beliefs, strict=True)
    ]
    version = hashlib.sha256(json.dumps([own, curves]).encode()).hexdigest()[:12]
    return Calibrated(asked, scale, own, version)


def add_likely(
    connection: Connection, encoder_id: int, how: Calibrated, plan: Plan, at_least: float, prefix: str
) -> None:
    """Read the vectors of silent studies batch by batch, and keep those that are likely."""
    alone = [one for one in plan.criteria if not isinstance(one, Window)]
    places = [place for place, one in enumerate(alone) if isinstance(one, Stated)]
    for batch in silent_studies(connection, prefix, _BATCH):
        met = dict(batch)
        _, vectors = lookup.studies_with_vectors(connection, encoder_id, [*met])
        if not vectors:
            continue
        scores = how.asked.scores(np.stack([*vectors.values()]))
        certain = np.array([[met[key][place] for place in places] for key in vectors])
        each = np.stack([belief(scores[:, c]) for c, belief in enumerate(how.scale.beliefs)], axis=1)
        joint = np.where(certain, 1.0, each).prod(axis=1)
        put_likely(connection, prefix, [(k, float(p)) for k, p in zip(vectors, joint, strict=True) if p >= at_least])
