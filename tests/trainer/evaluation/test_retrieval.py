"""Retrieval and other scores against oracles that are too naive to be wrong."""

import itertools

import numpy as np
import pytest

from echosearch.insight.intervals import Sorted, auc, auc_interval, patient_bootstrap, recall_at
from trainer.evaluation.retrieval import both_ways, places, scores


def naive(queries: np.ndarray, candidates: np.ndarray) -> dict[str, float]:
    """Ties broken in every possible way, all ways equally likely."""
    unit_q = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    unit_c = candidates / np.linalg.norm(candidates, axis=1, keepdims=True)
    sums: dict[str, list[float]] = {"mrr": [], "rank": [], "r1": [], "r5": [], "r10": []}
    for i, query in enumerate(unit_q):
        cosine = [round(float(query @ other), 9) for other in unit_c]
        tied = [j for j, c in enumerate(cosine) if c == cosine[i]]
        higher = sum(c > cosine[i] for c in cosine)
        ranks = [higher + 1 + order.index(i) for order in itertools.permutations(tied)]
        sums["mrr"].append(float(np.mean([1 / r for r in ranks])))
        sums["rank"].append(float(np.mean(ranks)))
        for k in (1, 5, 10):
            sums[f"r{k}"].append(float(np.mean([r <= k for r in ranks])))
    return {name: float(np.mean(values)) for name, values in sums.items()}


@pytest.mark.parametrize("ties", [False, True])
def test_scores_equal_the_naive_ones(ties: bool) -> None:
    rng = np.random.default_rng(0)
    videos = rng.normal(size=(14, 6)).astype(np.float32)
    texts = (videos + rng.normal(size=videos.shape)).astype(np.float32)
    if ties:
        texts[[3, 5, 9, 11]] = texts[2]  # the same normal report five times
        videos[4] = videos[5]
    for queries, candidates in ((videos, texts), (texts, videos)):
        mine = {name: float(values.mean()) for name, values in scores(places(queries, candidates)).items()}
        assert mine == pytest.approx(naive(queries, candidates), abs=1e-9)


def test_a_constant_encoder_gets_chance_and_no_more() -> None:
    same = np.ones((20, 4), np.float32)
    found = both_ways(same, same)
    assert found.video_to_report.recall[1].value == pytest.approx(1 / 20)
    assert found.report_to_video.recall[10].value == pytest.approx(0.5)
    assert found.video_to_report.mean_rank.value == pytest.approx(10.5)
    assert found.mrr.value == pytest.approx(np.mean([1 / r for r in range(1, 21)]))
    assert found.mcmrr.value == pytest.approx(10.5)


def test_mcmrr_is_the_mean_rank_of_both_ways_and_mrr_its_reciprocal() -> None:
    videos = np.eye(4, dtype=np.float32)
    texts = videos[[1, 0, 2, 3]] + 0.5 * videos  # of the first two each is second
    found = both_ways(videos, texts)
    assert found.mcmrr.value == pytest.approx((2 + 2 + 1 + 1) / 4)
    assert found.mrr.value == pytest.approx((0.5 + 0.5 + 1 + 1) / 4)
    assert found.flat()["mcmrr"] == pytest.approx((found.flat()["v2r_mean_rank"] + found.flat()["r2v_mean_rank"]) / 2)


def test_intervals_hold_the_score_and_widen_with_fewer_patients() -> None:
    rng = np.random.default_rng(1)
    videos = rng.normal(size=(60, 8)).astype(np.float32)
    texts = (videos + 1.5 * rng.normal(size=videos.shape)).astype(np.float32)
    many = both_ways(videos, texts, [str(i) for i in range(60)]).mrr
    few = both_ways(videos, texts, [str(i // 10) for i in range(60)]).mrr
    assert many.low < many.value < many.high
    assert many.value == few.value
    assert few.low < few.value < few.high


def test_only_some_ask_among_all() -> None:
    rng = np.random.default_rng(2)
    videos = rng.normal(size=(30, 8)).astype(np.float32)
    texts = rng.normal(size=(30, 8)).astype(np.float32)
    some = both_ways(videos, texts, only=np.array([3, 7]))
    assert some.video_to_report.candidates == 30
    expected = scores(places(videos, texts))["rank"][[3, 7]].mean()
    assert some.video_to_report.mean_rank.value == pytest.approx(expected)


def test_auc_counts_pairs() -> None:
    rng = np.random.default_rng(3)
    score = rng.integers(0, 6, 40).astype(float)
    positive = rng.random(40) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert auc(score, positive) == pytest.approx(np.mean(pairs))
    assert np.isnan(auc(score, np.zeros(40, bool)))


def test_weighted_draws_give_the_auc_of_the_rows_that_were_drawn() -> None:
    rng = np.random.default_rng(4)
    score, positive = rng.integers(0, 9, 30).astype(float), rng.random(30) < 0.4
    times = rng.integers(0, 3, 30)
    rows = np.repeat(np.arange(30), times)
    assert Sorted(score, positive).auc(times.astype(float)) == pytest.approx(auc(score[rows], positive[rows]))
    found = auc_interval(score, positive, [str(i // 2) for i in range(30)])
    assert found.low < found.value == auc(score, positive) < found.high


def test_alike_reports_are_those_with_the_same_findings_as_another() -> None:
    videos = np.eye(5, dtype=np.float32)
    found = both_ways(videos, videos, list("abcde"), findings=["none", "none", "mr", "ar", "none"])
    assert found.alike is not None
    assert (found.queries, found.candidates) == (5, 5)
    assert found.alike.value == pytest.approx(0.6)


def test_recall_and_bootstrap() -> None:
    assert recall_at([["a", "b"], ["c"]], [["a", "x"], ["c"]]) == 0.75
    values = np.arange(10.0)
    low, high = patient_bootstrap(lambda rows: float(values[rows].mean()), [str(i) for i in range(10)])
    assert 2 < low < 4.5 < high < 7
