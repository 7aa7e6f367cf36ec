"""Chips and warnings in both languages: every kind of condition, and every sentence that searches warn by."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from echosearch.cohort.definition import cohort_words, define
from echosearch.cohort.run import _names
from echosearch.coverage import Gap
from echosearch.db.cohorts.plan import PerPatient, Window
from echosearch.errors import InputError, WhereError
from echosearch.report.facts import FindingCondition, english_names, label, load_lexicon
from echosearch.search.filter_parser import USER_FIELDS, parse_where
from echosearch.search.question import read_question
from echosearch.web.language.english import concept_name
from echosearch.web.language.warnings import cohort_in_japanese, in_japanese
from echosearch.web.language.words import words_in
from echosearch.web.pages.chips import chips_of
from echosearch.web.problems import CODES, problem_of

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
# what a program alone is told
OF_PROGRAMS = (
    "incident x",
    "PUT /api/v1/me/reason, or a token that has one",
    "give the names that it is reached by with --host-name",
    "at most x bytes, with a Content-Length",
    "; ",
    "a token has its reason from its making",
    "x of the studies are not here, or not for you",
    "replace: true writes over it",
)


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
        "MR、ARまたはAS",
        "MRとARまたはAS",
        "AS、AR疑い",
        "左房拡大、AS疑い",
        "MRを伴うASを除く",
        "MRしかない",
        "左心耳血栓",
        "大動脈弁位の機械弁",
        "左心耳血栓を除くAF",
        "左心耳血栓なし",
        "感染性心内膜炎",
        "急性の虚血性MR",
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


@pytest.mark.parametrize("query", ["。", "MRありMRなし", "重度MR、MRを除く", "EF 40未満かつEF 60以上", "あ" * 30_000])
def test_a_refused_query_is_told_in_japanese(query: str) -> None:
    with pytest.raises(InputError) as refused:
        read_question(query, load_lexicon())
    assert re.findall("[a-z]{3,}", words_in("ja").warning(problem_of(refused.value).detail)) == []


@pytest.mark.parametrize(
    "where",
    [
        *("foo = 1", "view = 9", "sex = x", "date >= 2020-13", "date = 2020-01-02", "age > 95", "age > 90"),
        *("view < 4CH", "view_prob = 1", "view_prob > 3", "device = ''", "age >", "(age > 3", "'", "age > 3 and " * 60),
        *("sex in(F", "(age > 3 and (foo = 1", "(age > 3 and (date = 2020-13", "not (mode in (colour", "((age > 3) ("),
        *("age (", "age > 3)", "age >= 3 age", "view in 3"),
    ],
)
def test_a_condition_that_is_not_understood_is_told_in_japanese(where: str) -> None:
    with pytest.raises(WhereError) as refused:
        parse_where(where)
    told = re.sub(
        "|".join(sorted(USER_FIELDS, reverse=True)), "", words_in("ja").warning(problem_of(refused.value).detail)
    )
    told = told.partition("ここまで読めました")[0]  # behind it is what was typed
    assert set(re.findall("[a-z]{3,}", told)) <= {
        "and",
        "ther",
        "bmode",
        "color",
        "dual",
        "unknown",
    }  # values, such as Other


@pytest.mark.parametrize(
    ("text", "where"),
    [("zz所見", ""), ("MR 4CH", ""), ("MRありMRなし", ""), ("MR", "age > 50 and age < 40"), ("65歳以上", "")],
)
def test_a_refused_cohort_is_told_in_japanese(text: str, where: str) -> None:
    with pytest.raises(InputError) as refused:
        define("名前", text, load_lexicon(), where=where)
    told = in_japanese(problem_of(refused.value).detail)
    assert told is not None
    assert "コホート" in told


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("unit", ["days", "months"])
@pytest.mark.parametrize("per_patient", ["first", "last", "random"])
def test_a_cohort_is_told_in_japanese(
    side: Literal["before", "after"], unit: Literal["days", "months"], per_patient: PerPatient
) -> None:
    lexicon = load_lexicon()
    (stated,) = read_question("人工弁", lexicon).required
    assert isinstance(stated, FindingCondition)
    windows = [Window((stated,), side, 90, unit, absent) for absent in (True, False)]
    made = define("name", "MR", lexicon, per_patient=per_patient, windows=windows, video_at_least=0.5)
    for said in (cohort_words(made, lexicon), *_names(made, lexicon), *_names(replace(made, studies=("x",)), lexicon)):
        assert re.findall("[a-z]{2,}", cohort_in_japanese(said)) == []
        assert words_in("en").of_cohort(said) == said


def test_every_problem_has_a_title_and_a_sentence_in_both_languages() -> None:
    assert words_in("ja").problems.keys() == CODES.keys()
    tree = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "web").rglob("*.py")]
    calls = [node for one in tree for node in ast.walk(one) if isinstance(node, ast.Call)]
    made = [
        call.args[1]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Problem" and call.args[1:]
    ]
    said = [one for each in made for one in sentences(ast.Expression(each))]
    assert len(said) > 20
    assert [one for one in said if in_japanese(one) is None and one not in OF_PROGRAMS] == []


def test_findings_in_a_warning_are_named_in_the_language_of_the_page() -> None:
    lexicon = load_lexicon()
    names = ", ".join(lexicon.labels[one] for one in ("lv_dilation", "mr", "la_dilation"))
    said = f"not compared, too few reports or not told by the videos: {names}"
    assert words_in("ja").warning(said).endswith(names)
    assert words_in("en").warning(said).endswith("videos: LV dilation, MR, LA dilation")


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


def test_every_cause_of_a_change_has_a_name_in_both_languages() -> None:
    source = (ROOT / "db" / "cohorts" / "changes.py").read_text(encoding="utf-8")
    causes = {*re.findall(r'^ +\(?"([a-z ]+)",', source, re.MULTILINE), "encoder", "calibration", "other"}
    assert {"opted out", "study gone", "choice", "definition"} <= causes
    for language in ("ja", "en"):
        assert causes == set(words_in(language).causes)
