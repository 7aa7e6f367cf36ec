"""How the search benchmark judges: what counts for, against, and neither way."""

from __future__ import annotations

import pytest

from echosearch.phantom.files.archive import TRUTH_COLUMNS, phantom_studies, truth_row
from tests.benchmarks.search_queries import EF, KINDS, QUERIES, Absent, Condition, Graded, Present, Query


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        (Present("mr"), [False, None, True, True, True]),
        (Absent("mr"), [True, None, False, False, False]),
        (Graded("mr", 3, 4), [False, False, False, True, True]),
        (Graded("mr", 0, 2), [True, True, True, False, False]),
    ],
)
def test_grades(condition: Condition, answers: list[bool | None]) -> None:
    assert [condition.judge({"mr": str(grade)}) for grade in range(5)] == answers


@pytest.mark.parametrize(
    ("condition", "ef", "answer"),
    [
        (EF(high=40), "39.4", True),
        (EF(high=40), "39.6", None),  # a report says 40 %
        (EF(high=40), "40.0", False),
        (EF(low=50), "49.7", None),
        (EF(low=50), "50.0", True),
        (EF(30, 40, closed=True), "40.0", True),
        (EF(30, 40, closed=True), "40.3", None),
        (EF(30, 40, closed=True), "40.6", False),
        (EF(30, 40, closed=True), "29.4", False),
    ],
)
def test_ejection_fractions(condition: EF, ef: str, answer: bool | None) -> None:
    assert condition.judge({"ef": ef}) is answer


def test_one_contradicted_condition_makes_a_hit_wrong() -> None:
    query = Query("combined", "MRあり、ARなし", (Present("mr"), Absent("ar")))
    judged = {(mr, ar): query.judge({"mr": mr, "ar": ar}) for mr in "012" for ar in "012"}
    assert judged[("2", "0")] is True
    assert {pair for pair, answer in judged.items() if answer is None} == {("1", "0"), ("1", "1"), ("2", "1")}
    assert sum(answer is False for answer in judged.values()) == 5


def test_the_queries_ask_for_columns_of_the_truth_and_can_be_fulfilled() -> None:
    rows = [truth_row(study) for study in phantom_studies(patients=200, seed=4242)]
    assert len(QUERIES) == 46
    assert {query.kind for query in QUERIES} == set(KINDS)
    for query in QUERIES:
        columns = {getattr(condition, "finding", "ef") for condition in query.conditions}
        assert columns <= set(TRUTH_COLUMNS)
        assert sum(query.judge(row) is True for row in rows) >= 10, query.text
