"""Any text at all: places lead back to the original, nothing raises, and reading again gives the same."""

from __future__ import annotations

import random
import unicodedata
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from echosearch.report.facts import fact_json, load_lexicon, read_facts, understand, understanding_json
from echosearch.report.facts.text.kana import KANA
from echosearch.report.facts.text.sentence import sentences
from echosearch.report.facts.text.uniform import uniform
from echosearch.report.text import MAX_READ, phrases, readable_phrases
from echosearch.unicode import unified

LEXICON = load_lexicon()
WORDS = st.sampled_from(sorted(LEXICON.words))
# what the reader has rules for, between words that it knows, and anything else
SIGNS = st.sampled_from(
    [
        *"、。・：:()【】〜~-+ー%/;\n\r\t 　①Ⅲ㎜",
        "40%",
        "48mm",
        "II度",
        "III/IV",
        "1+",
        "か\u3099",
        "狭さく",
        "中とう度",
        "ﾊﾟ",
        "65歳以上",
        "2020年4月",
        "以上",
        "<=",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.one_of(WORDS, SIGNS, st.text(max_size=3)), max_size=14).map("".join),
)
NEAR = 8  # the longest word in kana, its voicing marks apart


@given(TEXTS)
def test_places_lead_back_to_the_original(text: str) -> None:
    made = uniform(text)
    assert len(made.origin) == len(made.text) + 1
    assert made.origin[-1] == len(text)
    assert list(made.origin) == sorted(made.origin)
    spans = [made.span(at, at + 1) for at in range(len(made.text))]
    for start, end in spans:
        assert 0 <= start < end <= len(text)
    # what a span came from, read alone, holds what it became: all but the first blank of a run, and headings' marks
    for (start, end), char in zip(spans, made.text, strict=True):
        if char.isalnum() and not respelled(text, start, end):
            assert char in uniform(text[start:end]).text


def respelled(text: str, start: int, end: int) -> bool:
    """Return whether a word in kana, which becomes another as a whole, stands at a span or beside it."""
    around = text[max(0, start - NEAR) : end + NEAR]
    return KANA.search(unicodedata.normalize("NFKC", around)) is not None


def test_a_word_in_kana_hides_no_place_further_away() -> None:
    text = "軽どのMR、大動脈弁と三尖弁には異常なし"
    assert respelled(text, 0, 2)
    assert [at for at in range(len(text)) if not respelled(text, at, at + 1)] == [*range(1 + NEAR, len(text))]


def test_a_word_typed_in_kana_keeps_its_place() -> None:
    text = "軽どの僧帽弁ぎゃく流あり、肺そく栓うたがい"
    assert uniform(text).text == "軽度の僧帽弁逆流あり、肺塞栓疑い"
    found = [(fact.concept, fact.polarity, text[fact.start : fact.end]) for fact in read_facts(text)]
    assert found == [("mr", "present", "軽どの僧帽弁ぎゃく流"), ("pulm_embolism", "uncertain", "肺そく栓")]


@given(TEXTS)
def test_sentences_cover_all_but_what_ends_them(text: str) -> None:
    plain = uniform(text).text
    found = list(sentences(plain))
    assert all(start < end and plain[start:end].strip() for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    covered = {at for start, end in found for at in range(start, end)}
    left = "".join(char for at, char in enumerate(plain) if at not in covered)
    assert not any(char.isalnum() for char in left)


@given(TEXTS, st.randoms(use_true_random=False))
def test_facts_lie_in_the_text_and_are_the_same_again(text: str, chance: random.Random) -> None:
    found = read_facts(text)
    assert [fact.start for fact in found] == sorted(fact.start for fact in found)
    for fact in found:
        assert 0 <= fact.start < fact.end <= len(text)
        low, high = fact.severity or (0, 0)
        assert low <= high
        assert fact.value is None or fact.value_hi is None or fact.value <= fact.value_hi
        assert set(fact_json(fact)) >= {"concept", "polarity", "start", "end", "rule"}
    for _ in range(chance.randint(0, 3)):  # what was read between leaves nothing behind
        read_facts("".join(chance.sample(text, len(text))))
    assert read_facts(text) == found


@given(TEXTS)
def test_a_query_is_understood_the_same_way_again(text: str) -> None:
    found = understand(text)
    assert understand(text) == found
    told = understanding_json(found)
    assert len(told["required"]) == len(found.required)
    for one in found.values:
        assert (one.op == "between") == (one.value_hi is not None)
    for condition in found.demographics:
        assert condition.complement().field == condition.field


@given(TEXTS)
def test_characters_are_unified_once(text: str) -> None:
    once = unified(text)
    assert unified(once) == once


@given(TEXTS)
def test_phrases_are_parts_of_the_text_in_order(text: str) -> None:
    at = 0
    for phrase in phrases(text):
        assert phrase == phrase.strip() != ""
        at = text.index(phrase, at) + len(phrase)
    said, left_out = readable_phrases(text * 400)
    assert sum(map(len, said)) <= MAX_READ
    assert left_out >= 0
