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
    ],
)
def test_an_age_has_both_its_bounds(query: str, low: int, high: int) -> None:
    found = understand(query)
    age = found.demographics[0]
    assert (age.field, age.op, age.value, age.value_hi) == ("age", "between", low, high)
    assert found.rest == ""


def test_a_measured_value_is_no_age() -> None:
    assert not understand("EF40台").demographics
