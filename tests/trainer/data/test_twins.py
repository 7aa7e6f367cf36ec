"""False twins: a report's statements with another polarity, grade or place, and none that could be true."""

import pytest

from trainer.data.twins import twins_of


@pytest.mark.parametrize(
    ("phrase", "others", "twin"),
    [
        ("僧帽弁逆流：軽度", [], "僧帽弁逆流なし"),
        ("僧帽弁逆流：軽度", [], "僧帽弁逆流：中等度"),
        ("僧帽弁逆流：軽度", ["三尖弁逆流なし"], "三尖弁逆流：軽度"),
        ("左房拡大なし", [], "左房拡大あり"),
        ("左房拡大あり", ["右房拡大なし"], "右房拡大あり"),
    ],
)
def test_a_statement_has_twins(phrase: str, others: list[str], twin: str) -> None:
    assert twin in {text for kind in twins_of(phrase, (phrase, *others)) for text in kind}


@pytest.mark.parametrize(
    ("phrase", "others", "never"),
    [
        ("僧帽弁逆流：軽度", [], "三尖弁逆流：軽度"),  # the report is silent on it
        ("左房拡大あり", ["右房拡大あり"], "右房拡大あり"),  # it is true
        ("左房拡大の疑い", [], "左房拡大なし"),
        ("EF 55%", [], "EF 55%"),
    ],
)
def test_what_may_be_true_is_no_twin(phrase: str, others: list[str], never: str) -> None:
    assert never not in {text for kind in twins_of(phrase, (phrase, *others)) for text in kind}
