"""Families of wording that are held out stay held out: nothing that they say is ever trained on."""

from __future__ import annotations

from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.patients.prompts_other import HELD_OUT, other_ef_prompts, other_prompts
from echosearch.phantom.patients.wording_other import report_text
from echosearch.report.text import phrases
from trainer.evaluation.zero_shot import FINDINGS
from trainer.words.facts import learned_phrases
from trainer.words.held_out import held_out_statements, plain
from trainer.words.statements import Statements


def test_every_prompt_of_a_held_out_family_is_known_as_one() -> None:
    known = held_out_statements()
    assert HELD_OUT == ("other", "referral")
    for family in HELD_OUT:
        for finding in FINDINGS:
            present, absent = other_prompts(finding, family)
            said = [prompt for meaning in (*present, absent) for prompt in meaning]
            assert said
            assert [prompt for prompt in said if plain(prompt) not in known] == []
        assert all(plain(prompt) in known for ef in (10, 35, 80) for prompt in other_ef_prompts(ef, family))


def test_no_statement_that_is_trained_on_is_one_of_a_held_out_family() -> None:
    known = held_out_statements()
    trained = {plain(one.text) for one in Statements(1).draw(8_000)}
    assert len(trained) > 5_000
    assert not trained & known
    reports = [phrase for study in phantom_studies(15, 5) for phrase in phrases(report_text(study))]
    assert len(reports) > 200
    assert [phrase for phrase in reports if plain(phrase) in trained] == []


def test_the_families_share_no_statement_with_the_wording_that_encoders_learned() -> None:
    facts = learned_phrases()
    learned = {plain(phrase) for fact, said in facts.items() if not fact.startswith("lvdd") for phrase in said}
    assert learned & held_out_statements() == set()
