"""Statements say what they are labelled with, as the rules of the report parser read them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from echosearch.report.facts import load_lexicon, read_facts
from trainer.words.facts import fact_targets, learned_phrases
from trainer.words.statements import CONCEPTS, Statement, Statements, finding_names


@pytest.fixture(scope="module")
def drawn() -> list[Statement]:
    return list(Statements(3).draw(3_000))


def test_the_same_seed_draws_the_same() -> None:
    assert list(Statements(3).draw(50)) == list(Statements(3).draw(50)) != list(Statements(4).draw(50))


def test_the_parser_reads_polarity_and_grade_as_they_are_labelled(drawn: list[Statement]) -> None:
    """Of the statements in which it finds the labelled finding at all, nearly all."""
    lexicon, right = load_lexicon(), Counter[str]()
    for one in drawn:
        name, _, degree = one.facts[0].partition(".")
        if len(one.facts) > 1 or name not in CONCEPTS:
            continue
        found = [fact for fact in read_facts(one.text, lexicon) if fact.concept == CONCEPTS[name][0]]
        if not found:
            continue
        polarity = {"0": {"absent", "not_significant"}, "u": {"uncertain"}}.get(degree, {"present"})
        right["polarity", found[0].polarity in polarity] += 1  # type: ignore[index]
        if degree in "234" and found[0].severity is not None:
            right["grade", found[0].severity[0] <= int(degree) <= found[0].severity[1]] += 1  # type: ignore[index]
    for kind in ("polarity", "grade"):
        yes, no = right[kind, True], right[kind, False]  # type: ignore[index]
        assert yes > 300
        assert yes / (yes + no) > 0.95


def test_every_name_in_the_lexicon_is_drawn_from() -> None:
    names, structures, attributes = finding_names("mr")
    assert {"MR", "僧帽弁逆流", "僧帽弁閉鎖不全症"} <= {*names}
    assert {"僧帽弁", "逆流"} <= {*structures, *attributes}
    assert "DMR".lower() not in names  # a cause of its own


def test_facts_have_targets_of_their_own_and_what_says_less_lies_between() -> None:
    def embed(texts: list[str]) -> np.ndarray:
        return np.stack([np.random.default_rng(len(text) * 7 + sum(map(ord, text))).normal(size=8) for text in texts])

    targets = fact_targets(embed)  # type: ignore[arg-type]
    drawn_facts = {fact for one in Statements(3).draw(3_000) for fact in one.facts}
    assert drawn_facts <= {*targets}
    assert {*learned_phrases()} <= {*targets}
    assert targets["mr.p"] == pytest.approx(np.mean([targets[f"mr.{grade}"] for grade in (2, 3, 4)], axis=0))
    assert targets["pacemaker.0"] == pytest.approx(-targets["pacemaker.p"])
    different = [targets[fact].tobytes() for fact in ("mr.0", "mr.3", "mr.4", "ar.3", "wall.LAD.3", "wall.RCA.3")]
    assert len(set(different)) == 6
