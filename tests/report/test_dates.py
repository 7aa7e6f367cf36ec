"""Dates as Japanese systems write them."""

from datetime import date

import pytest

from echosearch.report.dates import read_date


@pytest.mark.parametrize(
    "text",
    [
        "2024-04-01",
        "2024/4/1",
        "2024.4.1",
        "20240401",
        "2024年4月1日",
        "令和6年4月1日",
        "R6.4.1",
        "r06/04/01",
        "R6-4-1",
        "２０２４／４／１",
        " 2024/04/01 10:32:00 ",
        "2024-04-01T10:32",
        "20240401 10:32",
    ],
)
def test_one_day_in_every_writing(text: str) -> None:
    assert read_date(text) == date(2024, 4, 1)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("H31/4/30", date(2019, 4, 30)),
        ("平成31年4月30日", date(2019, 4, 30)),
        ("令和元年5月1日", date(2019, 5, 1)),
        ("S64.1.7", date(1989, 1, 7)),
        ("H1.1.8", date(1989, 1, 8)),
        ("昭和2年12月31日", date(1927, 12, 31)),
        ("T15/12/24", date(1926, 12, 24)),
        ("2024/2/29", date(2024, 2, 29)),
    ],
)
def test_eras_and_their_borders(text: str, day: date) -> None:
    assert read_date(text) == day


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2023/2/29", "calendar"),
        ("2024-13-01", "calendar"),
        ("R1.4.30", "no such day in 令和"),  # that day was still H31
        ("H31.5.1", "no such day in 平成"),
        ("R0.5.1", "no such day in 令和"),
        ("19/7/5", "not a date"),
        ("2019/7", "not a date"),
        ("2019-7/5", "not a date"),  # two separators
        ("April 1, 2024", "not a date"),
        ("45383", "not a date"),  # a spreadsheet's day number
        ("0024-04-01", "year"),
        ("R6.2.30", "calendar"),
        ("", "not a date"),
    ],
)
def test_a_bad_date_breaks_a_rule_that_is_told_and_is_not_shown(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        read_date(text)
    assert not text or text not in str(caught.value)
