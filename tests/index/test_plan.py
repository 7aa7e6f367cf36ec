"""The plan of a search: which way, how wide, and that no way is left without an end."""

from __future__ import annotations

import pytest

from echosearch.index.plan import MAX_CANDIDATES, plan_search, walk_width

COMPARED = 40_000  # as at 512 dimensions


def test_a_larger_collection_is_walked_wider() -> None:
    widths = [walk_width(points, 12) for points in (0, 1000, 100_000, 300_000, 1_000_000, 10_000_000)]
    assert widths == sorted(widths)
    assert widths[0] == widths[2] < widths[3] < widths[4]
    assert walk_width(100_000, 1000) >= 1000  # a walk cannot give more than it keeps


@pytest.mark.parametrize(
    ("points", "matching", "how"),
    [
        (1_000_000, None, "walk"),
        (1_000_000, 0, "walk"),  # the engine compares them all
        (1_000_000, COMPARED, "walk"),
        (1_000_000, 170_000, "sieve"),
        (1_000_000, 500_000, "sieve"),
        (1_000_000, 940_000, "sieve"),
        (1_000_000, 999_000, "walk"),
        (300_000, 51_000, "sieve"),
        (10_000_000, 50_000, "exact"),  # half a percent: the nearest 5000 would hold too few
        (100_000, 50_000, "sieve"),
        (50_000, 60_000, "walk"),  # estimates of two moments need not agree
    ],
)
def test_the_way(points: int, matching: int | None, how: str) -> None:
    plan = plan_search(points, matching, 12, COMPARED)
    assert plan.how == how
    assert plan.width >= walk_width(points, 12)
    if how == "sieve":
        assert matching is not None
        assert min(points, plan.candidates) * matching / points >= 12
        assert plan.width >= plan.candidates  # a walk gives no more than it keeps


def test_several_conditions_are_sieved_where_one_is_compared() -> None:
    assert plan_search(300_000, 25_000, 12, COMPARED, conditions=1).how == "walk"
    assert plan_search(300_000, 25_000, 12, COMPARED, conditions=2).how == "sieve"
    assert plan_search(300_000, 3000, 12, COMPARED, conditions=2).how == "walk"


@pytest.mark.parametrize("matching", [41_000, 170_000, 949_999])
def test_too_few_of_a_sieve_end_in_an_exact_comparison(matching: int) -> None:
    plan, taken = plan_search(1_000_000, matching, 12, COMPARED), []
    while plan.how == "sieve":
        taken.append(plan.candidates)
        plan = plan.again(matching)
    assert plan.how == "exact"
    assert taken == sorted(taken)
    assert len(set(taken)) == len(taken)
    assert all(candidates <= MAX_CANDIDATES for candidates in taken)


@pytest.mark.parametrize(("points", "how"), [(COMPARED, "walk"), (COMPARED + 1, "exact"), (2 * COMPARED, "walk")])
def test_a_wide_walk_of_few_points_compares_them_all(points: int, how: str) -> None:
    """Up to COMPARED the engine does so itself; from a width of 1,024 on, as many again are quicker compared."""
    assert plan_search(points, None, 402, COMPARED).how == how
    assert plan_search(points, None, 12, COMPARED).how == "walk"
