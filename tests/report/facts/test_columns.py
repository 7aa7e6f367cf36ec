"""Tables in a report: columns of what a valve has, and of today and an earlier day."""

from __future__ import annotations

import pytest

from echosearch.report.facts import read_facts
from tests.report.facts.test_rules import expected, read

TABLES = (
    "　　　　　狭窄　逆流\n大動脈弁　なし　I度\n僧帽弁　　なし　II度 => as a, ar p[2,2], ms a, mr p[3,3]",
    "弁　逆流　狭窄\nMV　中等度　なし\nTV　trace　-\n左室拡大なし => mr p[3,3], ms a, tr p[1,1], ts a, lv_dilation a",
    "部位|逆流|狭窄\n僧帽弁|2/4|none\nEF 60% => mr p[3,3], ms a, lvef 60",
    "項目　今回　前回\nEF　　41　　48\nTRPG　33　　28 => lvef 41, lvef h 48, trpg 33, trpg h 28",
    "項目　前回　今回\nEF　　48　　41\nMR　軽度　中等度 => lvef h 48, lvef 41, mr h[2,2], mr p[3,3]",
    "項目\t単位\t今回\t前回\t基準値\nLVDd\tcm\t5.7\t5.5\t4.0-5.6 => lvdd 57, lvdd h 55",
    "【計測】\n　今回(2025/3/1)　前回(2024/3/2)\nＥＦ　４１％　４８％\nIVC 18 mm 20 mm"
    " => lvef 41, lvef h 48, ivc 18, ivc h 20",
    "項目　今回　前回\n心嚢液　なし　少量\n血栓　なし　なし"
    " => pericardial_effusion a, pericardial_effusion h[2,2], thrombus a",
    "項目　今回　前回\nEF　41　-\nLVDd　57\nTRPG　33　28 => lvef 41, lvdd 57, trpg 33, trpg h 28",
)
NO_TABLES = (
    "前回と今回で著変なし\nEF 60% => lvef 60",
    "項目　今回　前回\n所見、MR軽度 TR軽度\nEF 41 => mr p[2,2], tr p[2,2], lvef 41",
    "項目　今回　前回\nMR軽度 TR軽度 心嚢液なし => mr p[2,2], tr p[2,2], pericardial_effusion a",
)


@pytest.mark.parametrize("written", TABLES + NO_TABLES)
def test_a_cell_is_read_under_its_column(written: str) -> None:
    text, _, facts = written.partition(" => ")
    assert read(text) == expected(facts)


def test_a_cells_fact_covers_its_row_up_to_the_cell() -> None:
    text = "所見\n　　　狭窄　逆流\n僧帽弁　なし　２度\n"
    assert [text[fact.start : fact.end] for fact in read_facts(text)] == ["僧帽弁　なし", "僧帽弁　なし　２度"]
