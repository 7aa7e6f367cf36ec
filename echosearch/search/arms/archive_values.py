"""The scale on which videos' values are read: fitted to the values that an archive knows, else what ships."""

from __future__ import annotations

import numpy as np

from echosearch.archive import Archive
from echosearch.db import Connection, lookup
from echosearch.db.studies.known_values import known_values
from echosearch.search.arms.value_scale import ValueScale, fit_scale, shipped_scale
from echosearch.search.arms.video_arm import AskedVideos
from echosearch.vector import unit

__all__ = ["with_scales"]

KNOWN = 2000  # studies that a scale is fitted on at most


def with_scales(archive: Archive, connection: Connection, encoder_id: int, asked: AskedVideos) -> AskedVideos:
    """Return the same questions with a scale for each measurement that they ask for, where there is one."""
    scales: dict[str, ValueScale] = {}
    for concept in asked.measurements:
        below = shipped_scale(archive.encoder_info.fingerprint, concept)
        known = {one.study: one for one in known_values(connection, concept, KNOWN)}
        _, vectors = lookup.studies_with_vectors(connection, encoder_id, [*known])
        fitted = None
        if vectors:
            studies = [known[key] for key in vectors]
            towards = unit(np.stack([*vectors.values()]))
            fitted = fit_scale(
                concept,
                asked.zero_shot_values(concept, towards),
                towards,
                np.array([one.value for one in studies]),
                [one.patient for one in studies],
                below=below,
            )
        if (found := fitted or below) is not None:
            scales[concept] = found
    return asked.scaled(scales)
