"""A random sample of an archive's studies with what their reports state, to calibrate and to audit by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from echosearch.db import lookup
from echosearch.db.files.measurements import measurements_of
from echosearch.db.lookup import StudyRow
from echosearch.db.studies.devices import study_devices
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.views import study_views
from echosearch.db.vectors.study_means import study_vectors_after
from echosearch.outcome import MeasuredValue
from echosearch.report.facts import Fact
from echosearch.search.arms.view_weights import Weights, view_name, view_weights
from echosearch.search.study_hits import Searching
from echosearch.vector import Vectors

__all__ = ["FOLDS", "VectorSample", "fold_of", "read_sample", "unseen_by"]

FOLDS = 5  # of patients
TELLING = 0.5  # weight from which a view tells of a finding (search/arms/view_weights.py)


@dataclass(frozen=True)
class VectorSample:
    """N studies. ``facts`` of the report that was read, empty if none was."""

    studies: tuple[StudyRow, ...] = field(repr=False)
    vectors: Vectors = field(repr=False)  # (N, D) raw means
    facts: tuple[tuple[Fact, ...], ...] = field(repr=False)
    measured: tuple[tuple[MeasuredValue, ...], ...] = field(repr=False)
    devices: tuple[str | None, ...] = field(repr=False)
    unseen: tuple[frozenset[str], ...] = field(repr=False)  # concepts that none of a study's views shows, if known

    def __len__(self) -> int:
        return len(self.studies)

    def only(self, rows: Sequence[int]) -> VectorSample:
        """Return the sample of these rows alone."""
        return VectorSample(
            tuple(self.studies[row] for row in rows),
            self.vectors[list(rows)],
            tuple(self.facts[row] for row in rows),
            tuple(self.measured[row] for row in rows),
            tuple(self.devices[row] for row in rows),
            tuple(self.unseen[row] for row in rows),
        )

    def without(self, patients: Collection[str]) -> VectorSample:
        """Return the sample without the studies of these patients."""
        return self.only([row for row, study in enumerate(self.studies) if study.patient not in patients])


def read_sample(search: Searching, limit: int, after: str | None = None) -> VectorSample:
    """Read the next ``limit`` studies by key. Keys are HMACs: the first ones are a random sample, always the same."""
    found = study_vectors_after(search.connection, search.encoder_id, after, limit)
    rows = lookup.studies_about(search.connection, search.encoder_id, [*found])
    keys = [key for key in found if key in rows]
    facts, measured = facts_of(search.connection, keys), measurements_of(search.connection, keys)
    devices, views = study_devices(search.connection, keys), study_views(search.connection, keys)
    weights = view_weights(search.archive.encoder_info.fingerprint)
    vectors = [found[key] for key in keys]
    return VectorSample(
        tuple(rows[key] for key in keys),
        np.stack(vectors) if vectors else np.zeros((0, search.archive.encoder_info.dimension), np.float32),
        tuple(tuple(facts.get(key, ())) for key in keys),
        tuple(tuple(measured.get(key, ())) for key in keys),
        tuple(devices.get(key) for key in keys),
        tuple(unseen_by(weights, views.get(key, ())) for key in keys),
    )


def unseen_by(weights: Weights, views: Collection[tuple[str, str | None]]) -> frozenset[str]:
    """Return the concepts of which no view tells; none where no view of the study is known."""
    names = {view_name(view, mode) for view, mode in views}
    return frozenset(
        concept
        for concept, of_view in weights.items()
        if names and max(of_view.get(name, 0.0) for name in names) < TELLING
    )


def fold_of(patient: str) -> int:
    """Return the fold of a patient, by key: the same in every sample."""
    return int(patient[:8], 16) % FOLDS
