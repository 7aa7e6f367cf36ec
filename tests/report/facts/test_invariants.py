"""What holds for any text: spans, order, width, repetition, length. Texts are put together from the lexicon's words."""

from __future__ import annotations

import random
import sys
import unicodedata

import pytest

from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.patients.wording import report_phrases, report_text
from echosearch.report.facts import load_lexicon, read_facts, understand, unknown_phrases
from echosearch.report.facts.text.uniform import uniform

WORDS = sorted(load_lexicon().words)
GLUE = [
    "の",
    "は",
    "を",
    "、",
    "。",
    "・",
    "が、",
    " ",
    "：",
    "(",
    ")",
    "\n",
    "も",
    "に",
    "【",
    "】",
    "〜",
    "40%",
    "48mm",
    "II度",
    "1+",
]
WIDE = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}


def texts(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        pieces = [rng.choice(WORDS if rng.random() < 0.6 else GLUE) for _ in range(rng.randint(1, 14))]
        made.append("".join(pieces))
    return made


def told(text: str) -> list[tuple[object, ...]]:
    return [(f.concept, f.polarity, f.severity, f.value, f.value_hi) for f in read_facts(text)]


def test_spans_lie_in_the_text_and_facts_are_in_order() -> None:
    for text in texts(2000, seed=1):
        found = read_facts(text)
        assert [f.start for f in found] == sorted(f.start for f in found)
        for fact in found:
            assert 0 <= fact.start < fact.end <= len(text)
            assert fact.rule


def test_a_full_stop_behind_changes_nothing_and_reading_again_neither() -> None:
    for text in texts(1500, seed=2):
        assert told(text + "。") == told(text)
        assert read_facts(text) == read_facts(text)


def test_full_width_reads_as_half_width() -> None:
    for text in texts(1500, seed=3):
        wide = "".join(WIDE.get(char, char) for char in unicodedata.normalize("NFKC", text))
        assert told(wide) == told(unicodedata.normalize("NFKC", text)), text


def test_a_span_comes_back_to_the_original() -> None:
    text = "ｼｬﾝﾄなし　ＥＦ　５５％、㎜、⑵ﾍﾟｰｽﾒｰｶｰﾘｰﾄﾞあり"
    made = uniform(text)
    for word, original in (("シャント", "ｼｬﾝﾄ"), ("EF 55%", "ＥＦ　５５％"), ("ペースメーカーリード", "ﾍﾟｰｽﾒｰｶｰﾘｰﾄﾞ")):
        at = made.text.index(word)
        start, end = made.span(at, at + len(word))
        assert text[start:end] == original


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("左房・左室の拡大", {"la_dilation": "左房", "lv_dilation": "左室の拡大"}),
        ("軽度のAR・MRあり", {"ar": "軽度のAR", "mr": "MR"}),
        ("僧帽弁：逆流軽度", {"mr": "僧帽弁：逆流軽度"}),
        ("左室壁運動はびまん性に低下", {"diffuse_hypo": "左室壁運動はびまん性に低下"}),
        ("ＥＦ　４０〜４５％", {"lvef": "ＥＦ　４０〜４５％"}),
    ],
)
def test_a_span_covers_the_words_that_name_the_concept(text: str, words: dict[str, str]) -> None:
    assert {fact.concept: text[fact.start : fact.end] for fact in read_facts(text)} == words


@pytest.mark.parametrize(
    "piece",
    [
        "-",
        "MR、",
        "(",
        "1",
        "左室",
        "軽度の",
        "あ",
        " ",
        "左房、",
        "no MR, ",
        "〜",
        "+",
        "\n",
        "【",
        "か\u3099",
        "I",
        "ﾊﾟ",
    ],
)
def test_any_length_is_read_in_bounded_steps(piece: str) -> None:
    """Twice the text takes about twice the steps: counted, not timed."""
    steps = [lines_run(piece * (size // len(piece))) for size in (4000, 8000)]  # a sentence is cut at 4000
    assert steps[1] <= 2.6 * steps[0] + 2000


@pytest.mark.parametrize("piece", ["EF 54%→", "EF 54%、今回", "EF 54%→LVDd 50mm、", "負荷LVOT PG 54mmHg→"])
def test_one_sentence_of_arrows_is_read_in_bounded_steps(piece: str) -> None:
    """Within one sentence, which is cut at 4000 characters, too: each value is held against an arrow once."""
    steps = [lines_run(piece * (size // len(piece))) for size in (1900, 3800)]
    assert steps[1] <= 2.2 * steps[0]


def lines_run(text: str) -> int:
    count = 0

    def tracer(frame: object, event: str, arg: object) -> object:
        nonlocal count
        count += 1
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)  # type: ignore[arg-type]
    try:
        read_facts(text)
        understand(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(("listed", "last"), [("HCM、", "AFのため評価困難"), ("MR、", "PRは以前認めたが消失")])
def test_a_long_list_reads_as_a_short_one(listed: str, last: str) -> None:
    """The last finding of a list decides what a cue behind it speaks of, however many are listed."""
    short, long = (read_facts(listed * many + last, repeated=True) for many in (3, 80))
    assert {fact.polarity for fact in long} == {fact.polarity for fact in short}


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "İ" * 20, "🫀MR🫀", "🇯🇵" * 9, "é́́́MR", "(" * 500 + "MR"])
def test_no_text_is_too_strange(text: str) -> None:
    read_facts(text)
    understand(text)


def test_the_phantom_s_reports_are_read_right() -> None:
    names = {"dyssynchrony": "lv_dyssynchrony", "pacemaker": "device_lead"}
    studies = list(phantom_studies(patients=80, seed=23))
    for study in studies:
        text, grades = report_text(study), study.findings.grades()
        spoken = {name for phrase in report_phrases(study) for name in phrase.about}
        facts = {fact.concept: fact for fact in read_facts(text)}
        for name, grade in grades.items():
            if name == "wall_motion" or name not in spoken:
                continue
            fact = facts.get(names.get(name, name))
            assert fact is not None, (name, text)
            if name in ("prosthetic_valve", "pacemaker"):
                assert (fact.polarity == "present") == bool(grade), text
            elif fact.polarity == "not_significant":
                assert grade <= 1, text
            else:
                assert fact.severity == (grade, grade), text
                assert (fact.polarity == "absent") == (grade == 0), text


def test_unknown_phrases_are_counted() -> None:
    texts = ["左室拡大なし。うっ血肝を認める。", "うっ血肝あり。MR軽度", "脾腫なし"]
    assert unknown_phrases(texts) == [("うっ血肝", 2), ("脾腫", 1)]
    assert (
        len(unknown_phrases((f"{chr(0x4E00 + n)}{chr(0x4E80 + n)}{chr(0x4F00 + n)}" for n in range(100)), distinct=10))
        <= 10
    )
