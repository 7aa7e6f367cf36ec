"""Facts with walls in tables: Arrow of the Python API, cells of exports and streams."""

from __future__ import annotations

from dataclasses import replace

from echosearch.api.hits import _why_type
from echosearch.report.facts import fact_json, load_lexicon, read_facts
from echosearch.search.export import facts_text
from echosearch.web.api.export import _flat

(FACT,) = read_facts("下壁と心尖部は高度低収縮。", load_lexicon())


def test_arrow_keeps_every_key_of_a_fact() -> None:
    fact = _why_type().field("facts").type.value_type
    assert {fact.field(place).name for place in range(fact.num_fields)} == {*fact_json(replace(FACT, inherited=True))}


def test_cells_name_the_walls() -> None:
    said = "hypokinesis present 4-4 (inferior, apex)"
    assert facts_text([FACT]) == said
    assert _flat({"rank": 1, "why": {"verdict": "stated", "facts": [fact_json(FACT)]}})["facts"] == said
