"""Definitions: from a sentence and from TOML, the same both ways; what is refused is refused in one line."""

from __future__ import annotations

import pytest

from echosearch.cohort.definition import Definition, check_definition, cohort_words, define, window_of
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.db.cohorts.plan import Excluded, Stated, Window
from echosearch.errors import InputError, WhereError
from echosearch.report.facts import AnyOf, ChangeCondition, FindingCondition, ValueCondition, load_lexicon

LEXICON = load_lexicon()
SENTENCE = "65歳以上で中等度以上のMRまたはAR、EF 30%から40%、人工弁を除く"


def whole() -> Definition:
    windows = [
        window_of("90日：人工弁", LEXICON, "after", False),
        window_of("12 months: 重度AS", LEXICON, "before", True),
    ]
    return define("重症MR-1", SENTENCE, LEXICON, where="date >= 2018", per_patient="random", seed=3, windows=windows)


def test_a_sentence_becomes_criteria() -> None:
    made = whole()
    assert made.criteria == (
        Stated(AnyOf((FindingCondition("mr", "present", (3, 4)), FindingCondition("ar", "present", (3, 4))))),
        Stated(ValueCondition("lvef", "between", 30.0, 40.0, "%")),
        Excluded(FindingCondition("prosthetic_valve", "present", None)),
        Window((FindingCondition("prosthetic_valve", "present", None),), "after", 90, "days"),
        Window((FindingCondition("as", "present", (4, 4)),), "before", 12, "months", absent=True),
    )
    assert made.where == "(age >= 65) and (date >= 2018)"
    assert made.made.lexicon == LEXICON.version


def test_toml_out_and_in_is_the_same_definition_and_the_same_bytes() -> None:
    made = whole()
    again = from_toml(to_toml(made), "x.toml")
    assert again == made
    assert to_toml(again) == to_toml(made)
    check_definition(again, LEXICON)
    plain = define("a", "EF 40%未満", LEXICON, video_at_least=0.8)
    assert from_toml(to_toml(plain), "x.toml") == plain


def test_a_change_is_a_criterion() -> None:
    made = define("falling", "EFが1年以内に10以上低下、新規のペースメーカー", LEXICON)
    asked = [one.condition for one in made.criteria if isinstance(one, Stated)]
    assert ChangeCondition("lvef", "falls", 10.0, "%", 12) in asked
    assert ChangeCondition("device_lead", "new") in asked
    assert from_toml(to_toml(made), "x.toml") == made
    assert "LVEF" in cohort_words(made, LEXICON) or "EF" in cohort_words(made, LEXICON)
    with pytest.raises(InputError, match="only reports are asked for"):
        define("falling", "EFが1年以内に10以上低下", LEXICON, video_at_least=0.8)
    with pytest.raises(InputError, match="no measurement of the lexicon"):
        check_definition(from_toml(to_toml(made).replace('"lvef"', '"lvgf"'), "x.toml"), LEXICON)


def test_words_say_what_is_asked_for() -> None:
    words = cohort_words(whole(), LEXICON)
    for part in (
        "MR 中等度以上 または AR 中等度以上",
        "人工弁 あり を除く",
        "90 days after",
        "no AS 高度",
        "random of each",
    ):
        assert part in words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("中等度以上のMR、ほげ症候群", "not understood: ほげ症候群"),
        ("65歳以上", "an empty definition"),
        ("人工弁を除く", None),
        ("重度MR、軽度MR", "cohort x contradicts itself: MR"),
        ("重度のMR、MRを除く", "asked for and excluded"),
        ("下壁の無収縮あり、無収縮を除く", "asked for and excluded"),
        ("EF 40%未満、EF 50%以上", "contradicts itself"),
        ("EF 40%未満、EF 40%以上", "contradicts itself"),
        ("、。", "has no words"),
        ("65歳以上で60歳未満のMR", "cohort x contradicts itself: no age meets"),
    ],
)
def test_a_sentence_that_cannot_be_a_cohort_is_refused(words: str, message: str | None) -> None:
    if message is None:
        assert define("x", words, LEXICON).criteria
        return
    with pytest.raises(InputError, match=message) as caught:
        define("x", words, LEXICON)
    assert "\n" not in str(caught.value)


def changed(old: str, new: str) -> str:
    """The TOML of a definition, altered by hand."""
    text = to_toml(define("x", "中等度以上のMR、EF 40%未満、人工弁を除く", LEXICON, where="age >= 65"))
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('concept = "mr"', 'concept = "mrr"', "'mrr' is no finding of the lexicon"),
        ('concept = "lvef"', 'concept = "mr"', "'mr' is no measurement of the lexicon"),
        ("unit = ", "unot = ", "criteria 2: no such key 'unot'"),
        ('unit = "%"', 'unit = "mm"', "lvef is kept in %, the definition says mm"),
        ('kind = "finding"', 'kind = "findings"', "criteria 1: kind 'findings'"),
        ('op = "<"', 'op = "<<"', "criteria 2: op '<<'"),
        ("value = 40", 'value = "40"', "value = '40' is of another type"),
        ("value = 40", "value = true", "value = True is of another type"),
        ('per_patient = "all"', 'per_patient = "some"', "per_patient 'some'"),
        ('name = "x"', 'name = "a b"', "cohort name 'a b'"),
        ('name = "x"', "", "name is missing"),
        ("age >= 65", "agee >= 65", "no such field"),
        ("[made]", "[made", "not TOML"),
        ('name = "x"', 'name = "x"\nvideo_at_least = 80', "give a probability above 0, up to 1"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    with pytest.raises((InputError, WhereError)) as caught:
        check_definition(from_toml(changed(old, new), "x.toml"), LEXICON)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_grades_out_of_order_are_refused() -> None:
    made = Definition("x", (Stated(FindingCondition("mr", "present", (4, 3))),))
    with pytest.raises(InputError, match="two grades from 0 to 4"):
        check_definition(made, LEXICON)


@pytest.mark.parametrize("given", ["人工弁", "90: 人工弁", "90 weeks: 人工弁", "90 days: ほげ", "90 days: 65歳以上"])
def test_a_window_that_says_nothing_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="--not-before"):
        window_of(given, LEXICON, "before", True)
