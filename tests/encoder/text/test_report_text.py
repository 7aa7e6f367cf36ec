"""report/text.py: the form in which text reaches an encoder."""

import pytest

from echosearch.encoder.base import TextSpec
from echosearch.report.text import language_warning, model_text, model_texts, phrases


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("左室拡大なし。軽度のMRあり。", ["左室拡大なし", "軽度のMRあり"]),
        (
            "左室拡大なし、 EF 55.5%，左房拡大\r\n心嚢液なし；著変なし",
            ["左室拡大なし", "EF 55.5%", "左房拡大", "心嚢液なし", "著変なし"],
        ),
        ("BNP 1,200 pg/mL,LVDd 55,IVS 0.5", ["BNP 1,200 pg/mL", "LVDd 55", "IVS 0.5"]),
        ("ＢＮＰ １，２００", ["ＢＮＰ １，２００"]),
        ("左室拡大なし｡軽度のTR､MR", ["左室拡大なし", "軽度のTR", "MR"]),
        ("。。、 \n", []),
        ("", []),
    ],
)
def test_phrases(text: str, expected: list[str]) -> None:
    assert phrases(text) == expected


def test_model_text_joins_with_stops_and_ends_with_one() -> None:
    assert model_text("左室拡大なし, 軽度のMRあり", TextSpec()) == "左室拡大なし。軽度のMRあり。"
    assert model_text("重度僧帽弁逆流", TextSpec()) == "重度僧帽弁逆流。"
    assert model_text(" ", TextSpec()) == ""


def test_an_encoder_may_read_each_phrase_by_itself() -> None:
    apart = TextSpec(format="each_phrase_ja", max_phrases=2)
    assert model_texts("左室拡大なし, 軽度のMRあり、EF 60%", apart) == ["左室拡大なし。", "軽度のMRあり。"]
    assert model_texts(" ", apart) == [""]  # as many vectors as texts, whatever they say
    assert model_texts("左室拡大なし, 軽度のMRあり", TextSpec()) == ["左室拡大なし。軽度のMRあり。"]


def test_model_text_keeps_the_first_phrases_and_the_wording() -> None:
    text = "。".join(f"所見{i}" for i in range(40))
    assert model_text(text, TextSpec(max_phrases=3)) == "所見0。所見1。所見2。"
    assert model_text("ＥＦ　５５％", TextSpec()) == "ＥＦ　５５％。"  # NFKC is the tokenizer's affair


def test_as_is_touches_nothing() -> None:
    text = "Mild MR, no AS.\n"
    assert model_text(text, TextSpec(language="en", format="as_is")) == text


def test_the_wrong_language_warns_in_one_line() -> None:
    japanese, english = TextSpec(), TextSpec(language="en", format="as_is")
    assert language_warning("重度僧帽弁逆流", japanese) is None
    assert language_warning("MR", japanese) is None  # an abbreviation is no English sentence
    assert language_warning("severe mitral regurgitation", english) is None
    for text, spec in (("重度MR", english), ("severe mitral regurgitation", japanese)):
        warning = language_warning(text, spec)
        assert warning
        assert "\n" not in warning
