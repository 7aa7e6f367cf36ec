"""The plan of a search: which way, how wide, and that no way is left without an end."""

from __future__ import annotations

import pytest

from echosearch.index.base import Collection
from echosearch.index.fields import FULL_SCAN_KB, MOST_FULL_SCAN_KB, full_scan_kb, points_compared
from echosearch.index.plan import MAX_CANDIDATES, plan_search, walk_width

COMPARED, DIMENSION = 40_000, 512


def test_a_larger_collection_is_walked_wider() -> None:
    widths = [walk_width(points, 12) for points in (0, 1000, 100_000, 300_000, 1_000_000, 10_000_000)]
    assert widths == sorted(widths)
    assert widths[0] == widths[2] < widths[3] < widths[4]
    assert walk_width(100_000, 1000) >= 1000  # a walk cannot give more than it keeps


@pytest.mark.parametrize(
    ("points", "matching", "how"),
    [
        (1_000_000, None, "engine"),
        (1_000_000, 0, "engine"),  # the engine compares them all
        (1_000_000, COMPARED, "engine"),
        (1_000_000, 170_000, "sieve"),
        (1_000_000, 500_000, "sieve"),
        (1_000_000, 940_000, "sieve"),
        (1_000_000, 999_000, "engine"),
        (300_000, 51_000, "sieve"),
        (10_000_000, 50_000, "exact"),  # half a percent: the nearest 5000 would hold too few
        (100_000, 50_000, "sieve"),
        (50_000, 60_000, "engine"),  # estimates of two moments need not agree
    ],
)
def test_the_way(points: int, matching: int | None, how: str) -> None:
    plan = plan_search(points, matching, 12, COMPARED, DIMENSION)
    assert plan.how == how
    assert plan.width >= walk_width(points, 12)
    if how == "sieve":
        assert matching is not None
        assert min(points, plan.candidates) * matching / points >= 12
        assert plan.width >= plan.candidates  # a walk gives no more than it keeps


def test_several_conditions_are_sieved_where_one_is_compared() -> None:
    assert plan_search(300_000, 25_000, 12, COMPARED, DIMENSION, conditions=1).how == "engine"
    assert plan_search(300_000, 25_000, 12, COMPARED, DIMENSION, conditions=2).how == "sieve"
    assert plan_search(300_000, 3000, 12, COMPARED, DIMENSION, conditions=2).how == "engine"
    assert plan_search(100_000, 8300, 12, COMPARED, DIMENSION, conditions=2).how == "engine"  # a sieve finds fewer


@pytest.mark.parametrize("matching", [41_000, 170_000, 949_999])
def test_too_few_of_a_sieve_end_in_an_exact_comparison(matching: int) -> None:
    plan, taken = plan_search(1_000_000, matching, 12, COMPARED, DIMENSION), []
    while plan.how == "sieve":
        taken.append(plan.candidates)
        plan = plan.again(matching, COMPARED)
    assert plan.how == "exact"  # more than COMPARED: the engine would walk the graph
    assert taken == sorted(taken)
    assert len(set(taken)) == len(taken)
    assert all(candidates <= MAX_CANDIDATES for candidates in taken)


def test_what_the_engine_compares_by_itself_is_left_to_it() -> None:
    """It does so on 4-bit vectors: an exact comparison takes six times as long."""
    plan = plan_search(1_000_000, 80_000, 12, 100_000, DIMENSION, conditions=2)
    assert plan.how == "sieve"
    assert plan.again(80_000, 100_000).how == "engine"
    assert plan.again(80_000, 40_000).how == "exact"


def test_a_large_collection_compares_more_in_few_steps() -> None:
    collection = Collection("videos", "ab" * 32, DIMENSION)
    sizes = [full_scan_kb(collection, points) for points in range(0, 3_000_000, 10_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] == FULL_SCAN_KB
    assert sizes[-1] <= MOST_FULL_SCAN_KB
    assert len(set(sizes)) <= 8  # each makes the engine write the vectors anew
    for points in (400_000, 1_000_000):  # without a filter the graph is walked
        assert points_compared(collection, full_scan_kb(collection, points)) < points / 4


@pytest.mark.parametrize(("points", "how"), [(COMPARED, "engine"), (COMPARED + 1, "exact"), (2 * COMPARED, "engine")])
def test_a_wide_walk_of_few_points_compares_them_all(points: int, how: str) -> None:
    """Up to COMPARED the engine does so itself; from a width of 1,024 on, as many again are quicker compared."""
    assert plan_search(points, None, 402, COMPARED, DIMENSION).how == how
    assert plan_search(points, None, 12, COMPARED, DIMENSION).how == "engine"
