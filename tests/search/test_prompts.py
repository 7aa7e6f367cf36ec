"""The prompts of every finding, in the language that an encoder reads."""

from __future__ import annotations

import pytest

from echosearch.report.facts import load_lexicon
from echosearch.search.arms.prompts import prompt_set

LEXICON = load_lexicon()


@pytest.mark.parametrize("concept", LEXICON.findings)
def test_an_encoder_that_reads_english_is_asked_in_english(concept: str) -> None:
    """As zero-shot text, a Japanese name tells such an encoder nothing."""
    made = prompt_set(concept, LEXICON.labels[concept], "en")
    assert made.texts
    assert all(text.isascii() for text in made.texts), made.texts


def test_a_finding_of_a_site_is_asked_by_its_label() -> None:
    assert "No endoleak." in prompt_set("endoleak", "endoleak", "en").texts
    assert "血栓なし。" in prompt_set("thrombus", LEXICON.labels["thrombus"], "ja").texts
