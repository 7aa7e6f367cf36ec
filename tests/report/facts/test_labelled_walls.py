"""Precision and recall of the walls of wall motion on labelled sentences, and of those that queries ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from echosearch.report.facts import read_facts, understand, understanding_json
from echosearch.report.facts.walls import MOTION, WALLS

ROUNDS = Path(__file__).parent / "rounds"
LEAST = 0.95
Triple = tuple[str, str, str | None]


def rows(name: str, kind: str) -> list[dict[str, Any]]:
    """Read the texts, or the queries, of a round.

    A text has ``facts``: all that it says of wall motion, each with its walls. ``may`` holds walls, and ``optional``
    marks facts, that a reader may name or not (apical anterior: the apex, too).
    """
    lines = (ROUNDS / name).read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if kind in row]


def triples(concept: str, polarity: str, walls: list[str] | tuple[str, ...]) -> set[Triple]:
    return {(concept, polarity, wall) for wall in walls or (None,)}


def wanted(row: dict[str, Any]) -> tuple[set[Triple], set[Triple]]:
    """Return the triples that a reader must find in a text, and those that it may find."""
    must, may = set[Triple](), set[Triple]()
    for fact in row["facts"]:
        stated = triples(fact["concept"], fact["polarity"], fact["walls"])
        more = {(fact["concept"], fact["polarity"], wall) for wall in fact.get("may", ())}
        if fact.get("optional"):
            may |= stated | more | triples(fact["concept"], fact["polarity"], ())
        else:
            must |= stated
            may |= more
    return must, may


@pytest.mark.parametrize(("name", "least"), [("walls_40.jsonl", 115), ("walls_41.jsonl", 51), ("walls_42.jsonl", 32)])
def test_walls_are_right_on_labelled_sentences(name: str, least: int) -> None:
    texts = rows(name, "text")
    assert len(texts) >= least
    right = extra = missed = 0
    for row in texts:
        got = {
            triple
            for fact in read_facts(row["text"])
            if fact.concept in MOTION
            for triple in triples(fact.concept, fact.polarity, fact.walls)
        }
        must, may = wanted(row)
        assert {wall for _, _, wall in must | may} <= {*WALLS, None}
        right, extra, missed = right + len(got & must), extra + len(got - must - may), missed + len(must - got)
    assert right >= LEAST * (right + extra)
    assert right >= LEAST * (right + missed)


@pytest.mark.parametrize(("name", "least"), [("walls_40.jsonl", 60), ("walls_41.jsonl", 25), ("walls_42.jsonl", 8)])
def test_queries_ask_for_their_walls(name: str, least: int) -> None:
    queries = rows(name, "query")
    assert len(queries) >= least
    assert sum(understood(row) for row in queries) >= LEAST * len(queries)


def understood(row: dict[str, Any]) -> bool:
    found = understanding_json(understand(row["query"]))
    return all(
        sorted(map(plain, found[part])) == sorted(map(plain, row[part])) for part in ("required", "excluded")
    ) and (sorted(map(asked, found["walls"])) == sorted(map(asked, row["walls"])))


def plain(condition: dict[str, Any]) -> str:
    if "any" in condition:
        return repr(sorted(map(plain, condition["any"])))
    return f"{condition['concept']} {condition['polarity']}"


def asked(walls: dict[str, Any]) -> str:
    return repr([walls["concept"], *((key, sorted(walls[key])) for key in ("all", "any", "excluded") if key in walls)])
