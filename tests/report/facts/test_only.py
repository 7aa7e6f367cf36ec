"""のみ, だけ, に限局した, only: of a wall they leave out the others; beside anything else they are in doubt."""

from __future__ import annotations

import pytest

from echosearch.report.facts import FindingCondition, load_lexicon, understand, understood_parts
from echosearch.report.facts.walls import WALLS, walls_apart

OTHERS = {f"rwma.{wall}" for wall in WALLS} - {"rwma.inferior", "rwma.RCA"}


@pytest.mark.parametrize(
    "query",
    [
        "下壁のみの低収縮",
        "下壁だけの低収縮",
        "下壁に限局した低収縮",
        "下壁領域のみに低収縮を認める",
        "低収縮が下壁に限られる",
        "only inferior wall hypokinesis",
        "hypokinesis limited to the inferior wall",
        "hypokinesis of the inferior wall only",
        "isolated hypokinesis of the inferior wall",
    ],
)
def test_no_other_wall_moves_badly(query: str) -> None:
    found = understand(query)
    assert found.required == (FindingCondition("hypokinesis.inferior", "present", None),)
    assert {one.concept for one in found.excluded} == OTHERS
    assert {one.polarity for one in found.excluded} == {"present"}
    assert (found.rest, found.ambiguous) == ("", ())


def test_several_walls_leave_out_the_rest() -> None:
    found = understand("前壁と心尖部のみの無収縮")
    assert len(found.required) == 2
    assert {one.concept for one in found.excluded} == {f"rwma.{wall}" for wall in walls_apart(["anterior", "apex"])}
    assert "rwma.LAD" not in {one.concept for one in found.excluded}


@pytest.mark.parametrize("query", ["下壁のみの低収縮", "LAD領域に限局した無収縮", "下壁以外の壁運動異常を除くMR"])
def test_the_others_are_shown_as_one_and_read_back(query: str) -> None:
    found = understand(query)
    parts = understood_parts(found, load_lexicon())
    assert len(parts) == 2
    assert understand("、".join(parts)).excluded == found.excluded


@pytest.mark.parametrize("query", ["TRのみ", "胸水だけ", "MR only", "only mild MR", "下壁の無収縮のみ"])
def test_that_other_findings_may_be_there_is_said(query: str) -> None:
    found = understand(query)
    assert len(found.required) == 1
    assert not found.excluded
    (doubt,) = found.ambiguous
    assert "whatever else is there" in str(doubt)


@pytest.mark.parametrize("query", ["女性のみ 重症MR", "重症MRの女性だけ", "下壁の低収縮", "下壁のみならず側壁も低収縮"])
def test_who_is_asked_for_is_no_doubt(query: str) -> None:
    assert understand(query).ambiguous == ()


def test_what_is_there_alone_is_there() -> None:
    polarities = {one.concept: one.polarity for one in understand("胸水のみで心嚢液なし").required}  # type: ignore[union-attr]
    assert polarities == {"pleural_effusion": "present", "pericardial_effusion": "absent"}


@pytest.mark.parametrize(
    ("query", "concept"),
    [("MR以外に弁膜症なし", "mr"), ("MR以外の弁膜症なし", "mr"), ("左房拡大以外に異常なし", "la_dilation")],
)
def test_beside_what_the_rest_is_denied_is_there(query: str, concept: str) -> None:
    found = understand(query)
    assert found.required == (FindingCondition(concept, "present", None),)
    assert not found.excluded
    assert "以外" in found.rest


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("重度MRとTRなし", "without"),
        ("左室拡大、ARなし", "neither"),
        ("心尖部の壁運動異常、側壁の壁運動異常なし", "neither"),
        ("AS、MRを除く", "excluded"),
    ],
)
def test_a_list_of_which_all_or_the_last_may_be_denied_is_said(query: str, said: str) -> None:
    (doubt,) = understand(query).ambiguous
    assert said in doubt.meaning


@pytest.mark.parametrize(
    "query", ["MRとTRなし", "MR、TR、ARなし", "重度MR、ただしTRなし", "左室拡大あり、ARなし", "MRあり、ASを除く"]
)
def test_a_list_that_is_read_one_way_is_not(query: str) -> None:
    assert understand(query).ambiguous == ()
