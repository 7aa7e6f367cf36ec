"""Comparisons in words: what is worse is less of some measurements, and more of others."""

from __future__ import annotations

import pytest

from echosearch.errors import ConfigError
from echosearch.report.facts import ValueCondition, load_lexicon, understand


@pytest.mark.parametrize(
    ("query", "concept", "op", "value"),
    [
        ("GLS worse than -15%", "gls", "<", 15),
        ("GLSが-15%より悪い", "gls", "<", 15),
        ("GLSが-15%より不良", "gls", "<", 15),
        ("GLS better than -20%", "gls", ">", 20),
        ("GLSが-20%より良い", "gls", ">", 20),
        ("EF worse than 40", "lvef", "<", 40),
        ("EF not worse than 40", "lvef", ">=", 40),
        ("EFが40%より悪くない", "lvef", ">=", 40),
        ("EF 40% or worse", "lvef", "<=", 40),
        ("EF 40% or better", "lvef", ">=", 40),
        ("E/e' worse than 14", "e_e", ">", 14),
        ("E/e'が14より悪い", "e_e", ">", 14),
        ("TRPG worse than 50", "trpg", ">", 50),
        ("TAPSEが16mmより悪い", "tapse", "<", 16),
        ("less than 40% EF", "lvef", "<", 40),
    ],
)
def test_worse_is_read_by_the_measurement(query: str, concept: str, op: str, value: float) -> None:
    found = understand(query)
    (condition,) = found.values
    assert (condition.concept, condition.op, condition.value) == (concept, op, value)
    assert (found.rest, found.ambiguous) == ("", ())


@pytest.mark.parametrize("query", ["E/A worse than 0.8", "E/A 0.8より悪い", "DT 150より悪い"])
def test_what_may_be_worse_both_ways_is_left_over(query: str) -> None:
    found = understand(query)
    assert found.values == ()
    assert "worse" in found.rest or "悪い" in found.rest


@pytest.mark.parametrize("query", ["MR worse than mild", "moderate MR or worse", "TR grade 2 or worse"])
def test_a_grade_is_compared_as_a_grade(query: str) -> None:
    (condition,) = understand(query).required
    assert condition.severity == (3, 4)  # type: ignore[union-attr]


@pytest.mark.parametrize("query", ["GLS -16%以上", "GLS > -16%", "GLS -16%以下"])
def test_a_minus_is_compared_by_size_and_said(query: str) -> None:
    found = understand(query)
    (condition,) = found.values
    assert condition.op in (">", ">=", "<=")
    assert isinstance(condition, ValueCondition)
    (doubt,) = found.ambiguous
    assert doubt.concept == "gls"
    assert "by its size" in str(doubt)


def test_a_site_says_which_way_is_worse(tmp_path) -> None:  # type: ignore[no-untyped-def]
    site = tmp_path / "site.toml"
    measure = '[[measure]]\nid = "fac"\nunit = "%"\nrange = [1, 90]\nlabel = "FAC"\nwords = ["FAC"]\nworse = "{}"\n'
    site.write_text(measure.format("<"), encoding="utf-8")
    (condition,) = understand("FAC worse than 35%", load_lexicon(site)).values
    assert (condition.concept, condition.op) == ("fac", "<")
    site.write_text(measure.format("less"), encoding="utf-8")
    with pytest.raises(ConfigError, match="worse = 'less'"):
        load_lexicon(site)


@pytest.mark.parametrize(
    ("query", "bounds"),
    [
        ("40%≦EF＜50%", [("lvef", ">=", 40), ("lvef", "<", 50)]),
        ("14 < E/e' < 20", [("e_e", ">", 14), ("e_e", "<", 20)]),
        ("LVDd/LVDs 60/50以上", [("lvdd", ">=", 60), ("lvds", ">=", 50)]),
    ],
)
def test_bounds_are_of_each_side_and_of_each_of_a_pair(query: str, bounds: list[tuple[str, str, float]]) -> None:
    found = understand(query)
    assert [(one.concept, one.op, one.value) for one in found.values] == bounds
    assert found.rest == ""
