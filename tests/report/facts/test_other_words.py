"""Words of a query that no rule knows: what is said of them is said of no finding beside them."""

from __future__ import annotations

import pytest

from echosearch.encoder.text.report_words import query_terms
from echosearch.report.facts import FindingCondition, ValueCondition, load_lexicon, understand

AS = FindingCondition("as", "present", (4, 4))


@pytest.mark.parametrize(
    "query",
    [
        "重症AS、透析患者を除く",
        "重症ASで透析を除く",
        "重症AS（透析例は除外）",
        "重症AS、LBBB以外",
        "severe AS excluding dialysis",
        "severe AS, no dialysis",
        "重症AS、癌なし",
        "重症AS、高血圧なし",
        "重症ASで糖尿病なし",
    ],
)
def test_another_word_is_excluded_or_denied(query: str) -> None:
    found = understand(query)
    assert (found.required, found.excluded) == ((AS,), ())
    assert found.rest
    terms = query_terms(found.rest, query, load_lexicon())
    assert all(term.denied for term in terms.terms)  # none is asked for as if it were there
    assert terms.terms or terms.left_out or "LBBB" in query


@pytest.mark.parametrize("query", ["EF40未満、透析を除く", "EF40未満（透析を除く）", "EF<40 except ischemic"])
def test_a_number_before_it_is_not_turned_round(query: str) -> None:
    assert understand(query).values == (ValueCondition("lvef", "<", 40, None, "%"),)


@pytest.mark.parametrize(
    "query",
    ["重症ASの人を除く", "重症ASを有する患者を除く", "重症ASと診断された例を除く", "重症ASの症例以外", "重症ASを除く"],
)
def test_who_has_the_finding_is_excluded(query: str) -> None:
    assert understand(query).excluded == (AS,)


@pytest.mark.parametrize("query", ["EF 40以上の人を除く", "EF 40%以上の症例以外", "EF≥40を除く"])
def test_who_has_the_number_is_excluded(query: str) -> None:
    (value,) = understand(query).values
    assert (value.op, value.value) == ("<", 40)


def test_a_finding_before_a_denied_word_is_in_doubt() -> None:
    found = understand("MR、高血圧なし")
    assert found.required == (FindingCondition("mr", "present", None),)
    (doubt,) = found.ambiguous
    assert doubt.meaning == "MR without 高血圧"


@pytest.mark.parametrize(
    "query", ["重度MRまたはTR、ASは問わない", "MR、高血圧は問わない", "MR、高血圧の有無は問わない"]
)
def test_what_does_not_matter_is_no_doubt(query: str) -> None:
    assert understand(query).ambiguous == ()


@pytest.mark.parametrize(
    ("query", "polarity", "rest"),
    [("MRの既往なし", "absent", ""), ("手術歴のあるMR", "present", "手術歴"), ("MR、手術歴なし", "present", "手術歴")],
)
def test_a_history_is_of_the_finding_or_left_over(query: str, polarity: str, rest: str) -> None:
    found = understand(query)
    (condition,) = found.required
    assert isinstance(condition, FindingCondition)
    assert (condition.polarity, found.rest) == (polarity, rest)


@pytest.mark.parametrize("query", ["ASもARも重症でない", "ASもARも重度ではない", "AS、ARとも重症でない"])
def test_a_grade_that_is_denied_of_several_is_denied_of_each(query: str) -> None:
    assert {(one.concept, one.severity) for one in understand(query).required} == {("as", (0, 3)), ("ar", (0, 3))}  # type: ignore[union-attr]


@pytest.mark.parametrize("query", ["MRは軽度ではなく重度", "MR軽度ではなく重度"])
def test_a_grade_that_another_replaces_is_not_asked_for(query: str) -> None:
    assert understand(query).required == (FindingCondition("mr", "present", (4, 4)),)


@pytest.mark.parametrize("query", ["EF<30または>70", "EFが30未満もしくは70超", "EF <30 or >70"])
def test_two_bounds_of_one_number_are_joined(query: str) -> None:
    found = understand(query)
    (either,) = found.required
    assert [(one.op, one.value) for one in either.conditions] == [("<", 30), (">", 70)]  # type: ignore[union-attr]
    assert found.rest == ""


@pytest.mark.parametrize("query", ["EF 35前後", "EF約35%", "EF about 35", "EF35くらい"])
def test_a_number_that_is_not_exact_is_said_to_be_read_as_one(query: str) -> None:
    (doubt,) = understand(query).ambiguous
    assert (doubt.meaning, doubt.other) == ("EF = 35 %", "a range")


def test_what_is_gone_is_absent() -> None:
    assert understand("血栓が消えた").required == (FindingCondition("thrombus", "absent", None),)


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("重症の機能性TR", "機能性"),
        ("重症リウマチ性MS", "リウマチ性"),
        ("MRが初めて重症になった", "初めて"),
        ("severe functional MR", "functional"),
    ],
)
def test_a_word_between_a_grade_and_its_finding_is_left_over(query: str, rest: str) -> None:
    found = understand(query)
    (condition,) = found.required
    assert isinstance(condition, FindingCondition)
    assert (condition.severity, found.rest) == ((4, 4), rest)


@pytest.mark.parametrize("query", ["MRなし〜軽度", "no to mild MR", "MRなしから軽度"])
def test_a_range_that_begins_with_none(query: str) -> None:
    assert understand(query).required == (FindingCondition("mr", "present", (0, 2)),)


@pytest.mark.parametrize(
    "query",
    [
        "MRは重度だがTRは問わない",
        "AFの有無にかかわらず重度MR",
        "severe MR with or without AF",
        "AFがあってもなくても重度MR",
        "ASやTRの有無を問わず重度MR",
    ],
)
def test_what_does_not_matter_is_not_asked_for(query: str) -> None:
    found = understand(query)
    assert found.required == (FindingCondition("mr", "present", (4, 4)),)
    assert found.rest == ""


def test_a_finding_whose_grade_does_not_matter_is_asked_for() -> None:
    assert {one.concept for one in understand("MRの程度は問わずAS高度").required} == {"mr", "as"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("query", "rest"), [("TRPGが測定できていないTR", "TRPGが測定できていない"), ("EF計測不能例", "EF計測不能")]
)
def test_a_number_that_nobody_measured_is_no_condition_and_is_left_over(query: str, rest: str) -> None:
    found = understand(query)
    assert (found.values, found.rest) == ((), rest)


@pytest.mark.parametrize("query", ["MR（軽度を除く）", "MR、軽度は除く"])
def test_a_grade_is_excluded_of_a_finding_that_is_asked_for(query: str) -> None:
    found = understand(query)
    assert found.required == (FindingCondition("mr", "present", None),)
    assert found.excluded == (FindingCondition("mr", "present", (2, 2)),)


def test_neither_of_two_is_there() -> None:
    polarities = {one.concept: one.polarity for one in understand("AFでもMSでもない左房拡大").required}  # type: ignore[union-attr]
    assert polarities == {"af": "absent", "ms": "absent", "la_dilation": "present"}
    even = {one.concept: one.polarity for one in understand("AFでも左房拡大なし").required}  # type: ignore[union-attr]
    assert even == {"af": "present", "la_dilation": "absent"}


def test_what_could_not_be_assessed_is_excluded() -> None:
    assert understand("MR評価困難例を除く").excluded == (FindingCondition("mr", "not_assessed", None),)
