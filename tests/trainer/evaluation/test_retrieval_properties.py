"""Retrieval and AUC over generated vectors: equal to the naive numbers, blind to order and scale, within bounds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosearch.insight.intervals import auc, patient_bootstrap, recall_at
from tests.trainer.evaluation.test_retrieval import naive
from trainer.data.pairs import Study
from trainer.evaluation.retrieval import both_ways, places, scores
from trainer.evaluation.same_patient import same_patient

# 24 directions whose unit vectors float32 holds exactly: cosines that are equal on paper are equal, and many are
DIRECTIONS = [direction for direction in itertools.product((-1, 0, 1), repeat=4) if np.abs(direction).sum() in (1, 4)]
ROWS = st.sampled_from(DIRECTIONS)


def pairs(largest: int) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """(N, 4) vectors of videos and of texts, with ties."""
    row = st.tuples(ROWS, ROWS)
    return st.lists(row, min_size=1, max_size=largest).map(
        lambda rows: (np.array([v for v, _ in rows], np.float32), np.array([t for _, t in rows], np.float32))
    )


@given(pairs(largest=5))
def test_scores_equal_the_naive_ones_whatever_ties(both: tuple[np.ndarray, np.ndarray]) -> None:
    videos, texts = both
    for queries, candidates in ((videos, texts), (texts, videos)):
        mine = {name: float(values.mean()) for name, values in scores(places(queries, candidates)).items()}
        assert mine == pytest.approx(naive(queries, candidates), abs=1e-9)


@given(pairs(largest=30), st.randoms(use_true_random=False), st.integers(-8, 8))
def test_neither_the_order_of_studies_nor_the_length_of_vectors_matters(
    both: tuple[np.ndarray, np.ndarray], random: Any, power: int
) -> None:
    videos, texts = both
    order = list(range(len(videos)))
    random.shuffle(order)
    expected = both_ways(videos, texts).flat()
    assert both_ways(videos[order], texts[order]).flat() == pytest.approx(expected)
    lengths = np.float32(2.0) ** np.array([random.randint(-8, 8) for _ in order], np.float32)[:, None]
    assert both_ways(videos * lengths, texts * np.float32(2.0) ** np.float32(power)).flat() == expected


@given(pairs(largest=30))
def test_scores_stay_within_their_bounds(both: tuple[np.ndarray, np.ndarray]) -> None:
    videos, texts = both
    found, count = both_ways(videos, texts), len(videos)
    assert 1 <= found.mcmrr.value <= count
    assert 1 / count <= found.mrr.value <= 1
    for way in (found.video_to_report, found.report_to_video):
        recalls = [way.recall[k].value for k in (1, 5, 10)]
        assert 0 <= recalls[0] <= recalls[1] <= recalls[2] <= 1
        assert way.mrr.value >= recalls[0]
        assert way.mrr.value * way.mean_rank.value >= 1 - 1e-9  # the harmonic mean of ranks is at most their mean
        if count <= 10:
            assert recalls[2] == 1


@given(pairs(largest=12))
def test_an_encoder_without_errors_is_first_where_no_other_study_is_alike(
    both: tuple[np.ndarray, np.ndarray],
) -> None:
    videos, _ = both
    alike = [sum((video == other).all() for other in videos) for video in videos]
    found = scores(places(videos, videos))
    assert found["rank"].tolist() == [(1 + count) / 2 for count in alike]
    assert found["r1"].tolist() == pytest.approx([1 / count for count in alike])


LABELLED = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), max_size=25)


@given(LABELLED)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    score = np.array([value for value, _ in rows], np.float64)
    positive = np.array([label for _, label in rows], bool)
    won = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    if not won:
        assert np.isnan(auc(score, positive))
        return
    value = auc(score, positive)
    assert value == pytest.approx(np.mean(won))
    assert auc(-score, positive) == pytest.approx(1 - value)
    assert auc(score, ~positive) == pytest.approx(1 - value)
    assert auc(np.exp(score), positive) == value  # only the order of scores counts


@given(st.lists(st.tuples(ROWS, st.sampled_from("abc")), min_size=1, max_size=10))
def test_same_patient_auc_equals_the_naive_one(studies: list[tuple[tuple[int, ...], str]]) -> None:
    vectors = np.array([vector for vector, _ in studies], np.float32)
    score, same = [], []
    for (one, owner), (two, other) in itertools.combinations(studies, 2):
        score.append(round(float(np.dot(one, two) / np.linalg.norm(one) / np.linalg.norm(two)), 6))
        same.append(owner == other)
    naive_value = auc(np.array(score), np.array(same, bool))
    named = [Study(str(number), owner, "", ()) for number, (_, owner) in enumerate(studies)]
    found = same_patient(vectors, named, [()] * len(named), samples=3)
    assert found.all.value == pytest.approx(naive_value, nan_ok=True)
    # without findings or vendors all pairs are one stratum
    assert found.matched.value == pytest.approx(found.all.value, nan_ok=True)


LISTS = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=5), min_size=1, max_size=6)


@given(LISTS, st.data())
def test_recall_counts_what_was_found(exact: list[list[str]], data: st.DataObject) -> None:
    found = [data.draw(st.permutations([*one, "x", "y"])) for one in exact]
    found = [one[: data.draw(st.integers(0, len(one)))] for one in found]
    asked = [(a, b) for a, b in zip(found, exact, strict=True) if b]
    if not asked:
        return
    shares = [sum(name in a for name in b) / len(b) for a, b in asked]
    assert recall_at(found, exact) == pytest.approx(sum(shares) / len(shares))
    assert recall_at([one[::-1] for one in found], exact) == recall_at(found, exact)
    assert recall_at(exact, exact) == 1


@given(
    st.lists(st.tuples(st.floats(-100, 100), st.sampled_from("abcde")), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
)
def test_an_interval_lies_among_the_values_and_is_the_same_again(rows: list[tuple[float, str]], seed: int) -> None:
    values = np.array([value for value, _ in rows])
    patients = [patient for _, patient in rows]
    low, high = patient_bootstrap(lambda drawn: float(values[drawn].mean()), patients, seed, samples=20)
    assert values.min() - 1e-9 <= low <= high <= values.max() + 1e-9
    assert (low, high) == patient_bootstrap(lambda drawn: float(values[drawn].mean()), patients, seed, samples=20)
    if len(set(patients)) == 1:  # one patient, drawn again and again
        assert low == high == pytest.approx(values.mean())
