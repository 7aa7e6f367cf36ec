"""Ages of a query that stand between two bounds, or are named as decades."""

from __future__ import annotations

import pytest

from echosearch.report.facts import understand


@pytest.mark.parametrize(
    ("query", "low", "high"),
    [
        ("65≤age<75 MR", 65, 74),
        ("65<=年齢<=75", 65, 75),
        ("65歳<年齢<75歳", 66, 74),
        ("年齢40台の女性", 40, 49),
        ("年齢は40代前半", 40, 44),
        ("40台女性", 40, 49),
        ("80代から60代", 60, 89),
        ("60代から80代", 60, 89),
    ],
)
def test_an_age_has_both_its_bounds(query: str, low: int, high: int) -> None:
    found = understand(query)
    age = found.demographics[0]
    assert (age.field, age.op, age.value, age.value_hi) == ("age", "between", low, high)
    assert found.rest == ""


def test_a_measured_value_is_no_age() -> None:
    assert not understand("EF40台").demographics


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("60歳以上20歳以下", "the range 20 to 60"),
        ("EF 60%以上40%以下", "the range 40 to 60"),
        ("2023年から2020年まで", "the range 2020 to 2023"),
    ],
)
def test_a_range_that_nothing_is_in_is_said(query: str, other: str) -> None:
    (doubt,) = understand(query).ambiguous
    assert (doubt.meaning, doubt.other) == ("a range that nothing is in", other)


@pytest.mark.parametrize("query", ["20歳以上60歳以下", "EF 40%以上60%以下", "2020年から2023年まで"])
def test_a_range_is_no_doubt(query: str) -> None:
    assert understand(query).ambiguous == ()
