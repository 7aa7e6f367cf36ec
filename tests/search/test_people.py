"""Ages, sexes and dates of a query, as the filter asks them."""

from __future__ import annotations

import pytest

from echosearch.cohort.definition import define
from echosearch.errors import InputError
from echosearch.report.facts import load_lexicon
from echosearch.search.filter_parser import parse_where
from echosearch.search.question import read_question


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("80代の女性のAS", "age >= 80 and age <= 89 and sex = F"),
        ("60代以外のAS", "not (age >= 60 and age <= 69)"),
        ("2019年から2020年のAS", "date >= 2019 and date <= 2020"),
        ("2021年1月1日以降のAS", "date >= 2021-01"),
        ("2020年2月29日までのAS", "date <= 2020-02"),
        ("2020年4月1日から2021年3月31日までのAS", "date >= 2020-04 and date <= 2021-03"),
    ],
)
def test_people_are_asked_as_the_query_says(query: str, where: str) -> None:
    asked = read_question(query, load_lexicon())
    assert (asked.where, asked.rest) == (parse_where(where), "")
    assert parse_where(define("people", query, load_lexicon()).where) == parse_where(where)


@pytest.mark.parametrize("query", ["2021年1月15日以降のAS", "2021年1月1日のAS", "2021年1月1日より後のAS"])
def test_a_day_within_a_month_is_refused_by_what_the_query_says(query: str) -> None:
    with pytest.raises(InputError, match=r"^the query names the day 2021-01-\d\d, .* such as 2021-01$"):
        read_question(query, load_lexicon())
