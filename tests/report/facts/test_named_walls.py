"""Walls that statements of one clause name: each has its own, and those that are left out are not it."""

from __future__ import annotations

import pytest

from echosearch.report.facts import FindingCondition, load_lexicon, read_facts, understand, understanding_json
from echosearch.report.facts.walls import MOTION

REST = ("anterior", "anteroseptal", "inferoseptal", "inferolateral", "anterolateral", "apex")


@pytest.mark.parametrize(
    ("said", "walls"),
    [
        ("下壁の無収縮と側壁の低収縮を認める。", [("inferior",), ("lateral",)]),
        ("下壁は無収縮で側壁は低収縮。", [("inferior",), ("lateral",)]),
        ("前壁 無収縮 側壁 低収縮", [("anterior",), ("lateral",)]),
        ("無収縮(下壁) 低収縮(側壁)", [("inferior",), ("lateral",)]),
        ("前壁から心尖部は無収縮だが側壁の壁運動は保たれている。", [("anterior", "apex"), ("lateral",)]),
        ("下壁に低収縮〜無収縮を認める。", [("inferior",), ("inferior",)]),
        ("前壁に無収縮および低収縮を認める。", [("anterior",), ("anterior",)]),
        ("下壁・後壁 hypokinesis", [("inferior", "inferolateral")]),
        ("Akinesis of the inferior wall and hypokinesis of the lateral wall.", [("inferior",), ("lateral",)]),
        (
            "Akinesis of the inferior and lateral walls and hypokinesis of the apex.",
            [("inferior", "lateral"), ("apex",)],
        ),
        ("The inferior wall is akinetic and the lateral wall is hypokinetic.", [("inferior",), ("lateral",)]),
        ("Inferior akinesis with lateral hypokinesis.", [("inferior",), ("lateral",)]),
        ("Akinesis of the inferior wall with preserved apex.", [("inferior",)]),
        ("下壁以外は低収縮。", [REST]),
        ("No regional wall motion abnormality except the inferior wall.", [REST]),
        ("Wall motion is normal except for inferior akinesis.", [("inferior",)]),
        ("心尖部血栓と前壁の無収縮を認める。", [("anterior",)]),
        ("心尖部血栓 無収縮", [()]),
        ("心室中隔欠損 低収縮", [()]),
        ("左室後壁厚 12mm 低収縮", [()]),
        ("LAD PCI後 局所壁運動異常なし", [()]),
        ("LAD病変による前壁の無収縮", [("anterior",)]),
        ("septal e' 5, no regional wall motion abnormality", [()]),
        ("Posterior leaflet prolapse and regional wall motion abnormality.", [()]),
        ("前壁は菲薄化し無収縮", [("anterior",)]),
    ],
)
def test_each_statement_has_its_own_walls(said: str, walls: list[tuple[str, ...]]) -> None:
    assert [fact.walls for fact in read_facts(said, load_lexicon()) if fact.concept in MOTION] == walls


def test_a_query_asks_for_each() -> None:
    found = understand("下壁の無収縮と側壁の低収縮")
    assert found.required == tuple(
        FindingCondition(one, "present", None) for one in ("akinesis.inferior", "hypokinesis.lateral")
    )


def test_a_query_for_all_but_one_wall_is_met_by_any_other() -> None:
    (either,) = understand("下壁以外の壁運動異常").required
    regions = {"septum", "lateral", "LAD", "LCX"}  # those that do not hold the inferior wall
    assert {one.concept for one in either.conditions} == {f"rwma.{wall}" for wall in regions.union(REST)}  # type: ignore[union-attr]


def test_a_query_for_none_but_one_wall_is_met_by_a_denial_of_each_other() -> None:
    found = understand("下壁の無収縮、下壁以外に壁運動異常なし")
    assert found.required[0] == FindingCondition("akinesis.inferior", "present", None)
    assert {*found.required[1:]} == {FindingCondition(f"rwma.{wall}", "absent", None) for wall in REST}


def test_json_says_which_wall_has_which_grade() -> None:
    found = understanding_json(understand("側壁の壁運動異常なし、心尖部の壁運動異常、下壁と前壁の高度低収縮"))
    assert found["walls"] == [
        {"concept": "rwma", "polarity": "absent", "severity": None, "all": ["lateral"]},
        {"concept": "rwma", "polarity": "present", "severity": None, "all": ["apex"]},
        {"concept": "hypokinesis", "polarity": "present", "severity": [4, 4], "all": ["inferior", "anterior"]},
    ]
    (asked,) = understanding_json(understand("下壁または側壁の無収縮"))["walls"]
    assert asked == {"concept": "akinesis", "polarity": "present", "severity": None, "any": ["inferior", "lateral"]}
