"""False twins of a report's statements: what is made, and what a report must say for it."""

import numpy as np
import pytest

from echosearch.report.text import phrases
from trainer.data.twins import draw_twins, twins_of


@pytest.mark.parametrize(
    ("phrase", "report", "twins"),
    [
        ("僧帽弁逆流：軽度", "三尖弁逆流なし", {"僧帽弁逆流なし", "僧帽弁逆流：中等度", "三尖弁逆流：軽度"}),
        ("左房拡大なし", "右房拡大あり", {"左房拡大あり", "軽度の左房拡大あり", "右房拡大なし"}),
        ("下壁に無収縮あり", "左房拡大なし", {"下壁に無収縮なし", "前壁に無収縮あり", "側壁に無収縮あり"}),
        ("trivial ARあり", "TRなし", {"AR(-)", "severe ARあり", "trivial TRあり"}),
        ("局所壁運動異常なし", "EF 60%", {"局所壁運動異常あり"}),
    ],
)
def test_twins_differ_in_polarity_grade_or_place(phrase: str, report: str, twins: set[str]) -> None:
    found = {text for kind in twins_of(phrase, (phrase, report)) for text in kind}
    assert twins <= found
    assert phrase not in found


@pytest.mark.parametrize(
    ("phrase", "report", "not_false"),
    [
        ("僧帽弁逆流：軽度", "EF 60%", "三尖弁逆流：軽度"),  # the report is silent on it
        ("僧帽弁逆流：軽度", "三尖弁逆流：軽度", "三尖弁逆流：軽度"),  # true
        ("僧帽弁逆流：軽度", "三尖弁逆流あり", "三尖弁逆流：軽度"),  # may be true
        ("僧帽弁逆流：軽度", "三尖弁逆流の疑い", "三尖弁逆流：軽度"),
        ("下壁に無収縮あり", "側壁に無収縮あり", "側壁に無収縮あり"),
    ],
)
def test_what_the_report_does_not_contradict_is_no_twin(phrase: str, report: str, not_false: str) -> None:
    assert not_false not in {text for kind in twins_of(phrase, (phrase, report)) for text in kind}


@pytest.mark.parametrize("phrase", ["EF 60%", "前回と著変なし", "軽度の僧帽弁逆流の疑い", "描出良好"])
def test_what_states_no_plain_fact_has_no_twin(phrase: str) -> None:
    assert not any(twins_of(phrase, (phrase, "僧帽弁逆流なし")))


def test_a_draw_is_a_function_of_its_chance_and_bounded() -> None:
    report = "左房拡大なし。軽度の僧帽弁逆流あり。三尖弁逆流なし。EF 60%。"
    drawn = draw_twins(report, 3, np.random.default_rng(4))
    assert drawn == draw_twins(report, 3, np.random.default_rng(4))
    assert len(drawn) == 3
    for at, text in drawn:
        said = phrases(report)
        assert text in {one for kind in twins_of(said[at], tuple(said)) for one in kind}
    assert draw_twins("EF 60%。", 3, np.random.default_rng(4)) == []
