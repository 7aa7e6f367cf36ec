"""Each rule of the lexicon shows what it does, and does it; a site's file adds to it, and is refused in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from echosearch.errors import ConfigError
from echosearch.report.facts import load_lexicon, read_facts
from echosearch.report.facts.lexicon.lexicon import Example
from echosearch.report.facts.lexicon.pattern import PatternError, pattern_words
from echosearch.report.facts.walls import MOTION, without_wall

POLARITIES = ("present", "absent", "uncertain", "not_significant", "not_assessed", "historical")
LETTERS = dict(zip("paunxh", POLARITIES, strict=True))
FACT = re.compile(r"(\w+)(?: ([paunxh]))?(?:\[(\d),(\d)\])?(?: ([\d.]+)(?:~([\d.]+))?)?")
FIXED = {"absent": (0, 0), "not_significant": (0, 1)}
EXAMPLES = load_lexicon().examples


def expected(notation: str) -> list[tuple[object, ...]]:
    """mr p[2,2], lvef 55 -> (concept, polarity, severity, value, value_hi), sorted."""
    if notation == "none":
        return []
    made: list[tuple[object, ...]] = []
    for item in re.split(r",\s*(?![^\[]*\])", notation):
        match = FACT.fullmatch(item)
        assert match, item
        concept, letter, low, high, value, value_hi = match.groups()
        polarity = LETTERS[letter or "p"]
        severity = (int(low), int(high)) if low else FIXED.get(polarity)
        if concept in load_lexicon().measures:
            severity = None
        made.append((concept, polarity, severity, value and float(value), value_hi and float(value_hi)))
    return sorted(made, key=repr)


def read(text: str) -> list[tuple[object, ...]]:
    return sorted(
        ((f.concept, f.polarity, f.severity, f.value and float(f.value), f.value_hi) for f in read_facts(text)),
        key=repr,
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.rule}: {example.text}")
def test_every_example_beside_a_rule_is_true(example: Example) -> None:
    assert read(example.text) == expected(example.expected)


def test_every_finding_and_measure_has_an_example() -> None:
    lexicon = load_lexicon()
    shown = {example.rule for example in EXAMPLES}
    assert {finding.rule for finding in lexicon.findings.values()} <= shown
    assert {f"measure.{name}" for name in lexicon.measures} <= shown


def test_every_concept_has_a_label() -> None:
    lexicon = load_lexicon()
    sited = {"gradient.mean", "gradient.peak", "gradient.bare", "velocity", "valve_area"}
    whole = {concept for concept in lexicon.labels if without_wall(concept)[1] is None}
    assert whole == lexicon.findings.keys() | (lexicon.measures.keys() - sited)
    assert {without_wall(concept)[0] for concept in lexicon.labels.keys() - whole} == set(MOTION)


def test_a_pattern_is_spelled_out() -> None:
    assert pattern_words("左(心|)室拡(大|張)") == ("左心室拡大", "左心室拡張", "左室拡大", "左室拡張")
    for wrong in ("(左", "左)", "", "(|)", "(a|b)" * 13):
        with pytest.raises(PatternError):
            pattern_words(wrong)


SITE = """
[[finding]]
id = "lv_dilation"
words = ["左心室おおきめ"]
examples = ["左心室おおきめ => lv_dilation p"]

[[severity]]
id = "site.mild"
grade = [2, 2]
words = ["ちょっぴり"]
"""


def test_a_site_adds_words_and_the_version_says_so(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    lexicon = load_lexicon(path)
    assert lexicon.version != load_lexicon().version
    (fact,) = read_facts("ちょっぴりの左心室おおきめあり", lexicon)
    assert (fact.concept, fact.severity) == ("lv_dilation", (2, 2))
    assert read_facts("左心室おおきめあり") == ()
    assert [f.concept for f in read_facts("左室拡大なし", lexicon)] == ["lv_dilation"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = ", "not TOML"),
        ("[colour]\na = 1", "no such section 'colour'"),
        ('[[finding]]\nlabel = "x"', "a rule has no 'id'"),
        ('[[finding]]\nid = "mr"\nwords = ["(MR"]', "a '(' without its ')'"),
        ('[[finding]]\nid = "mr"\nwords = "MR"', "write a list of strings"),
        ('[[cue]]\nid = "x"\nmeans = "maybe"\nwords = ["x"]', "means = 'maybe', it is one of"),
        ('[[severity]]\nid = "x"\ngrade = [2, 9]\nwords = ["x"]', "within 0 to 4"),
        ('[[finding]]\nid = "mr"\nexamples = ["MR"]', "has no ' => '"),
    ],
)
def test_a_bad_site_file_is_one_clear_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        load_lexicon(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_site_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_lexicon(tmp_path / "none.toml")
