"""The draft says what the numbers say: read back by the parser that reads reports."""

from __future__ import annotations

from echosearch.insight.draft import draft
from echosearch.report.facts import load_lexicon, read_facts


def test_a_draft_is_read_back_as_it_was_meant() -> None:
    lexicon = load_lexicon()
    labels = lexicon.labels
    text = draft(
        [
            (labels["mr"], 0.97, 3.2),
            (labels["device_lead"], 0.99, None),
            (labels["as"], 0.5, 1.4),
            (labels["la_dilation"], 0.02, 0.1),
            (labels["ms"], None, None),
        ],
        [(labels["lvef"], 44.6, "%"), ("LAD", None, "mm")],
    )
    facts = read_facts(text, lexicon)
    said = {(fact.concept, fact.polarity, fact.severity, fact.value) for fact in facts}
    assert said == {
        ("lvef", "present", None, 45.0),
        ("mr", "present", (3, 3), None),
        ("device_lead", "present", None, None),
        ("as", "uncertain", None, None),
        ("la_dilation", "absent", (0, 0), None),
    }


def test_nothing_calibrated_drafts_nothing() -> None:
    assert draft([("MR", None, None)], [("EF", None, "%")]) == ""


def test_every_label_can_be_drafted() -> None:
    """Whatever finding is calibrated, its sentences are read as that finding, there or not."""
    lexicon = load_lexicon()
    unread = []
    for concept in lexicon.findings:
        for probability, polarity in ((0.99, "present"), (0.01, "absent")):
            found = read_facts(draft([(lexicon.labels[concept], probability, None)], []), lexicon)
            if (concept, polarity) not in {(fact.concept, fact.polarity) for fact in found}:
                unread.append((concept, polarity))
    assert len(unread) <= len(lexicon.findings) // 10, unread
