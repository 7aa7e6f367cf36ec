"""Candidates as columns are ranked as candidates one by one are: by their definition, said once more."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text

from echosearch.db.found_rows import FoundRows, found_studies, found_videos, key_bytes, numbered_studies
from echosearch.search.answer.candidates import DENIED, SILENT, STATED, Candidates, newest, ranked
from echosearch.search.arms.belief import Belief
from echosearch.search.arms.scale import Scale
from echosearch.search.results import Group, SearchOptions
from tests.search.conftest import Corpus

COUNT = 300
EMPTY = np.zeros((0, 1))
CALIBRATED = Scale(EMPTY, (Belief(np.zeros(0), labelled=50),), Belief(np.zeros(0)))
PERCENTILES = Scale(EMPTY, (), Belief(np.zeros(0)))


def candidates(random: np.random.Generator, tiers: tuple[int, ...]) -> Candidates:
    """Few values, so that there are ties; keys that end with zeros, which a column of bytes must keep."""
    keys = [str(UUID(int=int(one) << 64)) for one in random.permutation(COUNT)]
    studies = [keys[int(one)] for one in random.integers(COUNT // 3, size=COUNT)]
    patients = [keys[int(one)] for one in random.integers(COUNT // 6, size=COUNT)]
    months = random.choice([-1, 202001, 202002, 202112], size=COUNT)
    numbers = np.arange(COUNT)
    rows = FoundRows(
        key_bytes(keys),
        key_bytes(studies),
        key_bytes(patients),
        np.ones((COUNT, 2), dtype=np.int64),
        numbers,
        months,
        numbers % 91,
        ("M", "F", None) * (COUNT // 3),
        np.ones((COUNT, 2), dtype=np.float32),
    )
    order, beliefs = (random.choice([0.0, 0.2, 0.6, 0.995], size=COUNT) for _ in range(2))
    none = np.zeros(COUNT)
    drawn = random.choice(tiers, size=COUNT).astype(np.int8)
    no_scores = np.zeros((COUNT, 1))
    return Candidates(rows, drawn, no_scores, no_scores > 0, order, beliefs, none, none)


def one_by_one(found: Candidates, scale: Scale, options: SearchOptions) -> list[int]:
    """The order of hits, as the module's docstring has it."""

    def strong(row: int) -> bool:
        least = 0.5 if scale.is_calibrated else 0.99
        return bool(found.tiers[row] == STATED or (found.tiers[row] == SILENT and found.beliefs[row] >= least))

    kept = [row for row in range(COUNT) if found.tiers[row] != DENIED or options.include_denied]
    likely = [row for row in kept if found.tiers[row] == DENIED or strong(row)]
    if any(found.tiers[row] == STATED for row in kept) or (scale.is_calibrated and likely):
        kept = likely
    abouts = found.rows.about()
    kept.sort(key=lambda row: (found.tiers[row], -found.order[row], abouts[row].key))
    if options.group == "video":
        return kept
    best: dict[str, int] = {}
    for row in kept:
        about = abouts[row]
        best.setdefault(about.patient if options.group == "patient" else about.study, row)
    return [*best.values()]


@pytest.mark.parametrize("tiers", [(STATED, SILENT, DENIED), (SILENT, DENIED), (SILENT,)])
@pytest.mark.parametrize("scale", [CALIBRATED, PERCENTILES])
@pytest.mark.parametrize("group", ["study", "video", "patient"])
def test_columns_are_ranked_as_candidates_one_by_one(group: Group, scale: Scale, tiers: tuple[int, ...]) -> None:
    random = np.random.default_rng(len(group) + len(tiers))
    for include_denied in (False, True):
        options = SearchOptions(group=group, include_denied=include_denied)
        found = candidates(random, tiers)
        order = ranked(found, scale, options)
        assert order.tolist() == one_by_one(found, scale, options)
        dated = newest(found, order, scale)
        assert set(dated.tolist()) == {row for row in order.tolist() if found.strong(scale)[row]}
        months = found.rows.months[dated].tolist()
        assert months == sorted(months, reverse=True)


def test_columns_hold_what_the_rows_hold(corpus: Corpus) -> None:
    with corpus.archive.engine.connect() as connection:
        stored = connection.execute(
            text(
                "select cast(s.study_key as text) as key, cast(patient_key as text) as patient, number, month, age, sex"
                " from core.study s join core.study_embedding e using (study_key) where indexed_gen is not null"
            )
        ).all()
        half = [row.key for row in stored[::2]]
        rest = np.array([row.number for row in stored[1::2]], dtype=np.int64)
        rows = found_studies(connection, corpus.encoder_id, half)
        rows = rows.with_more(numbered_studies(connection, corpus.encoder_id, rest))
        videos = found_videos(connection, corpus.encoder_id, [video.key for video in corpus.videos])
        none = found_studies(connection, corpus.encoder_id, [])
        none = none.with_more(numbered_studies(connection, corpus.encoder_id, np.array([1 << 40])))
    about = rows.about()
    assert sorted((one.key, one.patient, one.number, one.month, one.age, one.sex) for one in about) == sorted(
        map(tuple, stored)
    )
    of_key = {study.key: corpus.mean(study) for study in corpus.studies if corpus.of(study)}
    for row, one in enumerate(about):
        np.testing.assert_allclose(rows.vectors[row], of_key[one.key], rtol=1e-6)
    vectors = {video.key: video.vector for video in corpus.videos}
    assert len(videos) == len(corpus.videos)
    for row, about_video in enumerate(videos.about()):
        np.testing.assert_array_equal(videos.vectors[row], vectors[about_video.key])
        assert about_video.study in of_key
    assert len(none) == 0
