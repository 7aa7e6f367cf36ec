"""Which statement a wall belongs to: one rule a case, what stands beside it with it."""

from __future__ import annotations

import pytest

from echosearch.report.facts import read_facts, understand, understanding_json
from echosearch.report.facts.walls import MOTION


def said(text: str) -> str:
    """Write the wall motion of a text: akinesis present inferior; …"""
    return "; ".join(
        " ".join((fact.concept, fact.polarity, ",".join(fact.walls))).strip()
        for fact in read_facts(text)
        if fact.concept in MOTION
    )


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        # a statement ends where the next one's walls begin
        ("前壁中隔：軽度低下 下壁：無収縮", "hypokinesis present anteroseptal; akinesis present inferior"),
        ("apical akinesis and anterior hypokinesis", "akinesis present apex; hypokinesis present anterior"),
        ("CABG後 中隔奇異性運動(+) 下壁 mild hypokinesis", "hypokinesis present inferior"),
        ("前壁のviabilityあり、下壁は無収縮", "akinesis present inferior"),
        ("Normal anterior wall, inferior akinesis", "akinesis present inferior"),
        # a list before a comma is nothing but walls
        ("右冠動脈、左回旋枝領域に低収縮", "hypokinesis present RCA,LCX"),
        ("心尖部血栓なし、側壁に低収縮", "hypokinesis present lateral"),
        ("左室壁運動：前壁中隔、前壁、心尖部で低下", "hypokinesis present anteroseptal,anterior,apex"),
        ("心室瘤は心尖部に限局、周囲の前壁もhypokinesis", "hypokinesis present anterior"),
        ("後壁は壁厚が保たれているが低収縮", "hypokinesis present inferolateral"),
        # behind a statement
        ("Hypokinesis: inferior (basal, mid), inferolateral (basal)", "hypokinesis present inferior,inferolateral"),
        ("No wall motion abnormalities are seen in the LAD territory", "rwma absent LAD"),
        ("壁運動低下（＋）　部位：下壁、後壁", "hypokinesis present inferior,inferolateral"),
        ("Akinesis of the apex, hypokinesis of the lateral wall", "akinesis present apex; hypokinesis present lateral"),
        ("Hypokinesis of the septum, apex and anterior wall", "hypokinesis present septum,apex,anterior"),
        ("LAD領域の無収縮（前壁、心尖部）", "akinesis present LAD,anterior,apex"),
        ("下壁の無収縮（前壁は正常）", "akinesis present inferior"),
        ("ハイポキネシス(下壁)、アキネシス(心尖部)", "hypokinesis present inferior; akinesis present apex"),
        ("壁運動低下の範囲は前壁から側壁に及ぶ", "hypokinesis present anterior,lateral"),
        # joined to another statement
        ("下壁はsevere hypo〜akinesis", "hypokinesis present inferior; akinesis present inferior"),
        ("No akinesis or dyskinesis of the apex", "akinesis absent apex; dyskinesis absent apex"),
        ("前壁基部 無収縮、中部 低収縮", "akinesis present anterior; hypokinesis present anterior"),
        ("下壁は無収縮、局所壁運動異常なし", "akinesis present inferior; rwma absent"),
        ("下壁は無収縮、他の部位は中部も低収縮", "akinesis present inferior; hypokinesis present"),
        ("下壁無収縮（前回 低収縮）", "akinesis present inferior; hypokinesis historical inferior"),
        ("2020年は下壁無収縮、今回は低収縮", "akinesis historical inferior; hypokinesis present inferior"),
        ("心尖部の壁運動は前回低下していたが今回は正常化", "hypokinesis absent apex"),
        # what an infarction or a closed artery is of
        ("LAD(#6)閉塞に伴う前壁中隔のakinesis", "akinesis present anteroseptal"),
        ("心筋梗塞（前壁中隔、心尖部）：同部位は無収縮", "akinesis present anteroseptal,apex"),
        ("心尖部に血栓あり、同部位は奇異性収縮", "dyskinesis present apex"),
        ("心尖部は瘤状で無収縮", "akinesis present apex"),
        # each wall with its sign
        ("asynergy：前壁(-)、下壁(+)、側壁(-)", "rwma present inferior; rwma absent anterior,lateral"),
        ("壁運動異常（前壁－、側壁－）", "rwma absent anterior,lateral"),
        # of a wall after all
        ("LAD (#7) 領域の壁運動低下", "hypokinesis present LAD"),
        ("There is no wall motion abnormality of the lateral wall.", "rwma absent lateral"),
        ("左室壁運動は低下、心尖部血栓なし", ""),
        # words that look like walls
        ("IVSのasynergyあり", "rwma present septum"),
        ("A-S mid〜apex akinesis、post. hypo", "akinesis present anteroseptal,apex; hypokinesis present inferolateral"),
        ("post CABG hypokinesis", "hypokinesis present"),
        ("Important hypokinesis, dilated inferior vena cava", "hypokinesis present"),
    ],
)
def test_each_statement_has_its_walls(text: str, statements: str) -> None:
    assert said(text) == statements


@pytest.mark.parametrize(
    ("query", "walls"),
    [
        ("下壁、後壁のいずれかに低収縮", [{"concept": "hypokinesis", "any": ["inferior", "inferolateral"]}]),
        (
            "前壁の低収縮があり下壁の低収縮がない",
            [{"concept": "hypokinesis", "all": ["anterior"]}, {"concept": "hypokinesis", "all": ["inferior"]}],
        ),
        (
            "下壁の無収縮と心尖部の奇異性収縮",
            [{"concept": "akinesis", "all": ["inferior"]}, {"concept": "dyskinesis", "all": ["apex"]}],
        ),
        ("takotsubo excluding inferior wall hypokinesis", [{"concept": "hypokinesis", "excluded": ["inferior"]}]),
        ("LCX territory wall motion abnormality", [{"concept": "rwma", "all": ["LCX"]}]),
    ],
)
def test_each_condition_of_a_query_has_its_walls(query: str, walls: object) -> None:
    said = ("polarity", "severity")
    found = understanding_json(understand(query))["walls"]
    assert [{key: value for key, value in one.items() if key not in said} for one in found] == walls
