"""Chips and warnings in both languages: every kind of condition, and every sentence that searches warn by."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from echosearch.coverage import Gap
from echosearch.report.facts import english_names, label, load_lexicon
from echosearch.search.question import read_question
from echosearch.web.language.english import concept_name
from echosearch.web.language.warnings import in_japanese
from echosearch.web.language.words import words_in
from echosearch.web.pages.chips import chips_of

ROOT = Path(__file__).parents[2] / "echosearch"
# where warnings are made: module, and the functions whose sentences are shown
MADE = {
    "report/facts/query/ambiguous.py": ("__str__",),
    "search/question.py": ("_of_views", "_of_changes", "_of_walls"),
    "cohort/run.py": ("_notes",),
    "search/study_hits.py": ("results",),
    "search/matchless.py": ("matchless", "_nothing_at_all"),
    "search/query.py": ("_warnings",),
    "search/similar.py": ("similar",),
    "search/ask.py": ("_answer",),
    "search/answer/notes.py": ("no_condition", "unsearched"),
    "search/arms/word_arm.py": ("note",),
    "search/changes/timeline.py": ("_warnings",),
    "insight/interpret.py": ("_warnings",),
    "insight/disagree.py": ("_warnings",),
    "insight/curves.py": ("_curve",),
    "insight/values.py": ("fit_value",),
}


def sentences(tree: ast.AST) -> Iterator[str]:
    """Strings of several words, their changing parts as "x"; a part of a string that is joined counts as its whole."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        else:
            yield from sentences(node)


def made_warnings() -> list[str]:
    found = []
    for place, names in MADE.items():
        tree = ast.parse((ROOT / place).read_text(encoding="utf-8"))
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for name in names:
            body = [node for node in functions[name].body if not isinstance(node, ast.Expr) or not _is_text(node)]
            said = [text for node in body for text in sentences(node) if text.count(" ") >= 4]
            assert said, (place, name)
            found += said
    return found


def _is_text(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


GAPS = [str(Gap("videos", points, 12)) for points in (0, 3, 15)]


@pytest.mark.parametrize("warning", [*made_warnings(), *GAPS])
def test_every_warning_has_a_japanese_sentence(warning: str) -> None:
    said = in_japanese(warning)
    assert said is not None
    assert not said.isascii()
    assert words_in("ja").warning(warning) == said
    assert words_in("en").warning(warning) == warning


@pytest.mark.parametrize(
    "query",
    [
        "PEあり",
        "重度MRとTRなし",
        "AS、MRを除く",
        "MR、高血圧なし",
        "EF 35前後",
        "GLS -16%以上",
        "TRのみ",
        "重度MRとTRのみ",
    ],
)
def test_a_doubt_in_japanese_has_no_english_word(query: str) -> None:
    doubts = read_question(query, load_lexicon()).doubts
    assert doubts
    for doubt in doubts:
        assert re.findall("[a-z]{3,}", words_in("ja").warning(doubt)) == []


@pytest.mark.parametrize(
    ("warning", "japanese"),
    [
        (
            "no study has an age: no condition on it is met",
            "どの検査にも年齢がないため",
        ),
        ("no study has a report and structured reports to compare", "報告と構造化報告の両方がある検査はありません。"),
        (str(Gap("reports", 15, 12)), "索引の報告は 15、データベースは 12 です"),
        ("PS is read as 肺動脈弁狭窄: write it out if you mean performance status", "「performance status」のことなら"),
    ],
)
def test_phrases_within_a_warning_are_in_its_language(warning: str, japanese: str) -> None:
    assert japanese in words_in("ja").warning(warning)


def test_what_no_sentence_fits_is_shown_as_it_is() -> None:
    assert in_japanese("something else") is None
    assert words_in("ja").warning("something else") == "something else"


def test_a_warnings_parts_are_kept() -> None:
    said = in_japanese(GAPS[1])
    assert said is not None
    assert "12" in said
    assert "3" in said


@pytest.mark.parametrize(
    ("query", "english"),
    [
        ("中等度以上のMR", ["MR moderate or more"]),
        ("左房拡大なし", ["LA dilation absent"]),
        ("左室拡大または左房拡大", ["LV dilation present or LA dilation present"]),
        ("MR、人工弁を除く", ["MR present", "not prosthetic valve present"]),
        ("EF 40%未満", ["EF < 40 %"]),
        ("EF 40〜50%", ["EF 40-50 %"]),
        ("EFが1年以内に10%以上低下", ["EF falls by 10 % or more within 12 months"]),
        ("65歳以上の女性で左房拡大", ["LA dilation present", "age >= 65", "female"]),
        ("2020年以降のMR", ["MR present", "date >= 2020"]),
    ],
)
def test_chips_are_in_the_language_of_the_page(query: str, english: list[str]) -> None:
    lexicon = load_lexicon()
    ja, _ = chips_of(query, lexicon)
    en, _ = chips_of(query, lexicon, "en")
    assert sorted(chip.shown for chip in en) == sorted(english)
    assert [chip.words for chip in en] == [chip.words for chip in ja] == [chip.shown for chip in ja]
    assert all(shown.isascii() for chip in en for _, shown in chip.others)
    assert [words for chip in en for words, _ in chip.others] == [words for chip in ja for words, _ in chip.others]


def test_every_word_of_a_condition_and_every_concept_has_both_languages() -> None:
    lexicon, ja = load_lexicon(), words_in("ja")
    assert ja.polarities == label._POLARITY
    assert ja.changes == label._CHANGE
    names = {concept: concept_name(concept, lexicon) for concept in (*lexicon.findings, *lexicon.measures)}
    assert {concept: name for concept, name in names.items() if not name.isascii()} == {}
    assert len(set(names.values())) == len(names)
    assert english_names().keys() <= names.keys()
