"""Walls of one query: joined as it says, and none of them lost."""

from __future__ import annotations

import pytest

from echosearch.report.facts import AnyOf, load_lexicon, understand, understood_parts
from echosearch.report.facts.walls import without_wall


def clauses(query: str) -> list[set[str]]:
    """Return the clauses that must all hold: of a condition on a wall its name, of any other its concept."""
    found = []
    for one in understand(query).required:
        conditions = one.conditions if isinstance(one, AnyOf) else (one,)
        found.append({without_wall(each.concept)[1] or each.concept for each in conditions})
    return found


A, B, L, X = "anterior", "inferior", "lateral", "apex"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("前壁と下壁の無収縮", [{A}, {B}]),
        ("前壁かつ下壁の無収縮", [{A}, {B}]),
        ("前壁、下壁の無収縮", [{A}, {B}]),
        ("前壁または下壁の無収縮", [{A, B}]),
        ("前壁、下壁または側壁の無収縮", [{A, B, L}]),
        ("前壁と下壁のいずれかの無収縮", [{A, B}]),
        ("前壁と下壁、または側壁の無収縮", [{A, L}, {B, L}]),
        ("前壁かつ下壁、もしくは側壁の無収縮", [{A, L}, {B, L}]),
        ("側壁または前壁と下壁の無収縮", [{L, A}, {L, B}]),
        ("前壁または下壁、かつ側壁の無収縮", [{A, B}, {L}]),
        ("前壁と下壁、または側壁と心尖部の無収縮", [{A, L}, {A, X}, {B, L}, {B, X}]),
        ("anterior and inferior, or lateral wall akinesis", [{A, L}, {B, L}]),
        ("akinesis of the anterior and inferior walls", [{A}, {B}]),
        ("MRまたは前壁と下壁の無収縮", [{"mr", A}, {"mr", B}]),
        ("前壁と下壁の無収縮または側壁の低収縮", [{A, L}, {B, L}]),
        ("前壁と下壁の無収縮または左室瘤", [{A, "lv_aneurysm"}, {B, "lv_aneurysm"}]),
    ],
)
def test_walls_are_joined_as_the_query_says(query: str, wanted: list[set[str]]) -> None:
    assert clauses(query) == wanted
    assert understand(query).rest == ""


@pytest.mark.parametrize("query", ["前壁と下壁、または側壁の無収縮", "前壁または下壁、かつ側壁の無収縮"])
def test_each_part_that_is_shown_reads_as_a_query_of_its_own(query: str) -> None:
    parts = understood_parts(understand(query), load_lexicon())
    assert [clauses(part) for part in parts] == [[one] for one in clauses(query)]


@pytest.mark.parametrize("query", ["前壁は正常で下壁は無収縮", "前壁は正常だが下壁は無収縮"])
def test_a_wall_that_no_condition_is_of_is_not_understood(query: str) -> None:
    assert clauses(query) == [{B}]
    assert understand(query).rest == "前壁"


@pytest.mark.parametrize(
    "query", ["下壁以外の壁運動異常", "前壁を除く無収縮", "下壁の無収縮、心尖部瘤", "「壁運動異常あり(前壁中隔)」"]
)
def test_a_wall_that_is_left_out_or_of_another_finding_is_understood(query: str) -> None:
    assert understand(query).rest == ""


def test_a_query_of_many_alternatives_ends() -> None:
    assert len(understand("または".join(["前壁と下壁の無収縮", "側壁と心尖部の低収縮"] * 40)).required) <= 256
