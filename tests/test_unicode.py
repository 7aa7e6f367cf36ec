"""One form for each character, and bytes that are text."""

from __future__ import annotations

import pytest

from echosearch.report.facts import load_lexicon, understand
from echosearch.report.facts.text.uniform import uniform
from echosearch.unicode import unified, utf8_text, whole_characters


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("傍胸骨⻑軸像", "傍胸骨長軸像"),  # U+2ED1, as a copy out of a PDF has it
        (
            "⾼度のMR、⻘色のジェット",
            "高度のMR、青色のジェット",
        ),  # U+2FBC, and U+2ED8, unknown to NFKC
        ("カラート゛フ゜ラ", "カラードプラ"),  # half-width kana made wide sign by sign
        ("ｶﾗｰﾄ゛ﾌ゜ﾗ", "カラードプラ"),
        ("こ゛く軽度", "ごく軽度"),
        ("コーン ゛A゛", "コーン ゛A゛"),  # behind no kana that takes it
    ],
)
def test_parts_of_characters_are_whole_characters(typed: str, meant: str) -> None:
    assert unified(typed) == unified(meant)
    assert unified(unified(typed)) == unified(typed)
    assert len(whole_characters(typed)) == len(typed)
    assert uniform(typed).text == uniform(meant).text


def test_spans_lead_back_to_what_was_typed() -> None:
    made = uniform("カラート゛フ゜ラで異常なし")
    start = made.text.index("ドプラ")
    assert made.span(start, start + 3) == (3, 8)


def test_a_degree_sign_behind_a_number_stays_one() -> None:
    assert uniform("30゜").text == "30°"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("⾼度の僧帽弁逆流", "高度の僧帽弁逆流"),
        ("もやもやエコーか゛ある", "もやもやエコーがある"),
    ],
)
def test_a_query_copied_out_of_a_pdf(typed: str, meant: str) -> None:
    lexicon = load_lexicon()
    assert understand(typed, lexicon).required == understand(meant, lexicon).required != ()


@pytest.mark.parametrize("codec", ["iso2022_jp", "iso2022_jp_1", "iso2022_jp_2004"])
@pytest.mark.parametrize("text", ["重度の僧帽弁逆流", "MR 重度", "EF 40%未満\n"])
def test_iso_2022_jp_is_no_utf_8(codec: str, text: str) -> None:
    """All its bytes are ASCII, so a decoder of UTF-8 has no word."""
    with pytest.raises(UnicodeDecodeError):
        utf8_text(text.encode(codec))
    with pytest.raises(UnicodeDecodeError):
        utf8_text("ﾋﾝ".encode("cp932").translate(bytes(byte & 0x7F for byte in range(256))).join((b"\x0e", b"\x0f")))
    assert utf8_text(text.encode("utf-8-sig")) == text
    assert utf8_text(b"\x1b[31mMR\x1b[0m") == "\x1b[31mMR\x1b[0m"  # what a terminal's colours leave
