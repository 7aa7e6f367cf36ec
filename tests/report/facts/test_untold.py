"""What a question says of a finding and no fact keeps is said: where a thrombus is, of which kind a valve."""

from __future__ import annotations

from pathlib import Path

import pytest

from echosearch.encoder.text.report_words import query_terms
from echosearch.errors import ConfigError
from echosearch.report.facts import load_lexicon, understand
from echosearch.report.facts.lexicon.lexicon import Example

EXAMPLES = load_lexicon().untold_examples


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.rule}: {example.text}")
def test_every_example_beside_the_words_is_true(example: Example) -> None:
    said = [one.word for one in understand(example.text).untold]
    assert said == ([] if example.expected == "none" else [example.expected])


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("左室心尖部に大きな血栓を認める症例", ("place",)),
        ("左房内血栓（左心耳）", ("place",)),
        ("mobile thrombus in the RA", ("place", "kind")),
        ("大動脈弁位の機械弁", ("valve", "kind")),
        ("機能性の重度MR", ("cause",)),
        ("EF 40%未満でICD植込み後", ("kind",)),
    ],
)
def test_what_is_said_before_in_and_behind_a_finding_is_found(query: str, what: tuple[str, ...]) -> None:
    (untold,) = understand(query).untold
    assert untold.what == what


@pytest.mark.parametrize(
    "query",
    [
        "左房拡大と血栓",
        "左室収縮能低下、血栓あり",
        "僧帽弁逆流を伴う疣腫",
        "aortic stenosis with thrombus",
        "右室拡大で心嚢液あり",
        "TRとリードあり",
        "下壁の無収縮",
        "左室血栓は問わない重度MR",
    ],
)
def test_a_place_of_another_finding_is_no_doubt(query: str) -> None:
    assert understand(query).untold == ()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("左心耳血栓", "so others are found too"),
        ("左心耳血栓を除くAF", "so others are excluded too"),
        ("左心耳血栓なし", "so the denial of another is enough"),
        ("感染性心内膜炎", "do not tell the two apart"),
    ],
)
def test_it_says_what_becomes_of_the_others(query: str, said: str) -> None:
    (untold,) = understand(query).untold
    assert said in str(untold)


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("左心耳血栓", ["左心耳血栓"]),
        ("僧帽弁に疣腫", ["僧帽弁疣腫"]),
        ("thrombus in the LAA", ["LAA thrombus"]),
        ("中等度以上の機能性MR", ["機能性MR"]),
        ("非閉塞性HCM", ["非閉塞性HCM"]),
        ("P2逸脱", []),  # a letter and a number are no words of reports
        ("左心耳血栓なし", []),
        ("呼吸困難、TAVI後", ["TAVI", "呼吸困難"]),
    ],
)
def test_reports_are_asked_for_the_words(query: str, terms: list[str]) -> None:
    found = understand(query)
    asked = query_terms(found.rest, query, load_lexicon(), found.phrases)
    assert [str(term) for term in asked.terms] == terms


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ('reads = ["thrombus"]\nwhat = "colour"\nwords = ["赤色"]', "'colour'"),
        ('reads = ["nothing"]\nwhat = "kind"\nwords = ["赤色"]', "'nothing'"),
        ('reads = "thrombus"\nwhat = "kind"\nwords = ["赤色"]', "lists of strings"),
    ],
)
def test_a_site_adds_words_and_a_wrong_entry_is_refused(tmp_path: Path, entry: str, rule: str) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[[untold]]\nreads = ["thrombus"]\nwhat = "kind"\nwords = ["赤色"]\n', encoding="utf-8")
    (untold,) = understand("赤色血栓", load_lexicon(site)).untold
    assert untold.what == ("kind",)
    site.write_text(f"[[untold]]\n{entry}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rule):
        load_lexicon(site)
