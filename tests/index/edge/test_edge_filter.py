"""A filter finds the same points in each of its forms: those that the condition names, whatever is unknown of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from echosearch.filters import And, Comparison, Not, Or, Where
from echosearch.index.base import Collection, Payload, Point
from echosearch.index.edge import filter as edge_filter
from echosearch.index.edge.index import EdgeIndex

VIDEOS = Collection("videos", "ab" * 32, 8)
POINTS = 400
WOMEN = Comparison("sex", "=", "F")
# a condition, and the same of a payload whose age, month and view_prob are numbers
FILTERS: tuple[tuple[Where, Callable[[Payload, float, float, float], bool]], ...] = (
    (And((Comparison("age", ">=", 64.5), WOMEN)), lambda one, age, month, prob: age >= 65),
    (And((WOMEN, Comparison("age", "<", 30))), lambda one, age, month, prob: age < 30),
    (And((WOMEN, Comparison("age", "=", 40))), lambda one, age, month, prob: age == 40),
    (And((WOMEN, Comparison("age", "=", 40.5))), lambda one, age, month, prob: False),
    (And((WOMEN, Comparison("age", "in", (40, 41)))), lambda one, age, month, prob: age in (40, 41)),
    (And((WOMEN, Comparison("view_prob", ">", 0.5))), lambda one, age, month, prob: prob > 0.5),
    (And((WOMEN, Comparison("view_prob", "<=", 0.5))), lambda one, age, month, prob: prob <= 0.5),
    (
        And((Comparison("month", ">", 202003), And((Comparison("age", "<=", 70), WOMEN)))),
        lambda one, age, month, prob: month > 202003 and age <= 70,
    ),
    (
        And((WOMEN, Not(Comparison("age", "<", 60)), Comparison("month", "<=", 202006))),
        lambda one, age, month, prob: not age < 60 and month <= 202006,
    ),
    (
        And((WOMEN, Or((Comparison("age", "<", 30), Comparison("view", "=", "4CH"))), Comparison("month", ">", 0))),
        lambda one, age, month, prob: (age < 30 or one.view == "4CH") and month > 0,
    ),
)


def payload(i: int) -> Payload:
    return Payload(
        *(str(i), "s", "p", 1, "h"),
        view=("4CH", "SAX", None)[i % 3],
        view_prob=None if i % 5 == 0 else i % 8 / 8,
        sex=("F", "F", "M", None)[i // 3 % 4],
        age=None if i % 7 == 0 else 20 + i % 71,
        month=None if i % 11 == 0 else 202001 + i % 12,
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeIndex]:
    folder: Path = tmp_path_factory.mktemp("forms")
    index = EdgeIndex(folder, 1.0)
    index.ensure(VIDEOS)
    rows = np.random.default_rng(1).standard_normal((POINTS, 8)).astype(np.float32)
    index.upsert(VIDEOS, [Point(UUID(int=i + 1), row, payload(i)) for i, row in enumerate(rows)])
    yield index
    index.close()


@pytest.mark.parametrize("cost", [0, edge_filter.RANGE_COST, POINTS + 1])
@pytest.mark.parametrize("number", range(len(FILTERS)))
def test_each_form_finds_what_the_condition_names(
    filled: EdgeIndex, monkeypatch: pytest.MonkeyPatch, number: int, cost: int
) -> None:
    where, meets = FILTERS[number]
    monkeypatch.setattr(edge_filter, "RANGE_COST", cost)
    nan = float("nan")  # compares with nothing, as what is unknown

    def is_wanted(one: Payload) -> bool:
        numbers = (nan if value is None else value for value in (one.age, one.month, one.view_prob))
        return one.sex == "F" and meets(one, *numbers)

    wanted = {str(i) for i in range(POINTS) if is_wanted(payload(i))}
    query = np.ones(8, dtype=np.float32)
    assert {hit.key for hit in filled.search(VIDEOS, query, POINTS, where)} == wanted
    (found,) = filled.search_each(VIDEOS, query[None], [POINTS], where)
    assert {hit.key for hit in found} == wanted
    assert wanted or number == 3
    form = edge_filter.edge_filter(where, filled._open(VIDEOS).edge).filter  # type: ignore[union-attr]
    ranges = number != 4
    assert bool(form.must_not) == (cost > POINTS and ranges) or cost == edge_filter.RANGE_COST
