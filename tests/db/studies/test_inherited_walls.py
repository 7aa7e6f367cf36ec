"""What a report that refers back inherits of wall motion: the walls that it does not speak of."""

from __future__ import annotations

import pytest

from echosearch.db.studies.inheritance import inherited_facts
from echosearch.report.facts import load_lexicon, read_facts


@pytest.mark.parametrize(
    ("before", "own", "inherited"),
    [
        ("下壁に無収縮あり。", "前回と著変なし。", [("akinesis", "present", ("inferior",))]),
        (
            "下壁に無収縮あり。",
            "側壁に壁運動異常なし。他は前回と著変なし。",
            [("akinesis", "present", ("inferior",))],
        ),
        (
            "下壁・側壁は低収縮。",
            "側壁の低収縮は改善。他は前回と著変なし。",
            [("hypokinesis", "present", ("inferior",))],
        ),
        ("下壁に無収縮あり。", "RCA領域は低収縮。他は前回と著変なし。", []),
        ("中隔は低収縮。", "前壁中隔は無収縮。他は前回と著変なし。", []),
        ("下壁に無収縮あり。", "局所壁運動異常なし。他は前回と著変なし。", []),
        ("局所壁運動異常なし。", "下壁に無収縮が出現。他は前回と著変なし。", []),
        ("無収縮を認める。", "下壁に無収縮あり。他は前回と著変なし。", []),
        ("側壁に壁運動異常なし。", "下壁に無収縮あり。他は前回と著変なし。", [("rwma", "absent", ("lateral",))]),
    ],
)
def test_other_walls_are_inherited(before: str, own: str, inherited: list[tuple[str, str, tuple[str, ...]]]) -> None:
    lexicon = load_lexicon()
    found = inherited_facts([(fact, "before") for fact in read_facts(before, lexicon)], [*read_facts(own, lexicon)])
    assert [(fact.concept, fact.polarity, fact.walls) for fact, _ in found] == inherited
