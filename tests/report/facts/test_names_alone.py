"""Every name of the lexicon, typed alone: a finding is asked for as itself, and what means two things says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from echosearch.report.facts import load_lexicon, measures_in, understand
from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.query.understand import FindingCondition
from echosearch.search.question import read_question

LEXICON = load_lexicon()
NAMES = {
    word: sense.value
    for word, senses in LEXICON.words.items()
    for sense in senses
    if sense.kind == "finding" and isinstance(sense.value, Finding) and not any(s.kind == "skip" for s in senses)
}
SHORT = {word for word in NAMES if word.isascii() and len(word) <= 4}


def asked(query: str) -> set[str]:
    return {one.concept for one in understand(query).required if isinstance(one, FindingCondition)}


def test_every_name_alone_is_its_own_finding() -> None:
    assert len(NAMES) > 1000
    wrong = {}
    for word, finding in NAMES.items():
        for query in {word, word.upper()} if word in SHORT else {word}:
            found = understand(query)
            if asked(query) != {finding.concept} or found.rest or found.excluded or found.values:
                wrong[query] = (finding.concept, found)
    assert not wrong


@pytest.mark.parametrize(
    ("word", "reads", "other"),
    [
        ("PE", "pericardial_effusion", "肺塞栓"),
        ("ps", "pulm_stenosis", "performance status"),
        ("MVP", "mvp", "僧帽弁形成術"),
        ("ＤＣＭ", "dcm", "DICOM"),
        ("AI", "ar", "人工知能"),
    ],
)
def test_an_abbreviation_of_two_meanings_says_how_it_was_read(word: str, reads: str, other: str) -> None:
    (one,) = understand(word).ambiguous
    assert (one.concept, one.other) == (reads, other)
    assert asked(word) == {reads}
    assert read_question(word, LEXICON).doubts == (str(one),)
    assert other in str(one)


def test_a_hospitals_abbreviation_may_have_signs(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        '[[finding]]\nid = "mr"\nwords = ["M+I"]\n'
        '[[ambiguous]]\nword = "M+I"\nreads = "mr"\nmeaning = "僧帽弁逆流"\nother = "心筋梗塞"\n'
    )
    (one,) = understand("M+I", load_lexicon(site)).ambiguous
    assert (one.word, one.concept, one.other) == ("M+I", "mr", "心筋梗塞")


@pytest.mark.parametrize("query", ["心嚢液", "DVT、PE疑い", "MVP術後", "PSスコア", "重症AS", "拡張型心筋症", "spears"])
def test_what_is_decided_is_not_in_doubt(query: str) -> None:
    assert understand(query).ambiguous == ()


def test_every_measurement_alone_is_no_condition_and_is_known() -> None:
    names = {word: sense for word, senses in LEXICON.words.items() for sense in senses if sense.kind == "measure"}
    for word, sense in names.items():
        assert not understand(word).values
        assert set(sense.value.split("+")) <= {part for name in measures_in(word, LEXICON) for part in name.split("+")}
