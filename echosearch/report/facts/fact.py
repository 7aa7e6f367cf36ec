"""text -> facts: what a report says of each concept, with its place in the text."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.lexicon.load import load_lexicon
from echosearch.report.facts.reader.mention import Polarity
from echosearch.report.facts.reader.reading import read_sentence
from echosearch.report.facts.reader.state import Context
from echosearch.report.facts.text.sentence import sentences
from echosearch.report.facts.text.table import Columns, columns, has_columns, row
from echosearch.report.facts.text.uniform import uniform
from echosearch.report.facts.walls import MOTION, WALLS, single_walls

__all__ = ["Fact", "fact_json", "fact_of_json", "read_facts"]

_REMEMBERED = 20_000  # sentences: reports repeat their phrases
_IN_BRACKETS = re.compile(r"(?:\(\s*\)|括弧|カッコ|かっこ)内?の?(?:数値|数字|値)?[はが]?[:、]?\s*前回")  # ( )内は前回値
_ROW = 40  # characters: a longer line ends a table
_SHORT = 200  # only such are remembered: the memory stays bounded


@dataclass(frozen=True)
class Fact:
    """One statement about one concept. A finding has a severity or None, a measurement has a value."""

    concept: str
    polarity: Polarity
    severity: tuple[int, int] | None
    value: float | None
    value_hi: float | None
    unit: str | None
    start: int  # code points of the text as given, [start, end)
    end: int
    rule: str
    inherited: bool = False  # stated by the report of an earlier study, which this one refers back to
    walls: tuple[str, ...] = ()  # of the left ventricle, that a wall motion abnormality is of (walls.toml); none named


class _Memory:
    """The sentences read last, with what they left to the next; one lexicon's."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.known: OrderedDict[tuple[str, Context], tuple[tuple[Fact, ...], Context]] = OrderedDict()

    def read(self, sentence: str, context: Context) -> tuple[tuple[Fact, ...], Context]:
        if len(sentence) > _SHORT:
            return _facts_of(sentence, self.lexicon, context)
        key = (sentence, context)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = _facts_of(sentence, self.lexicon, context)
            if len(self.known) > _REMEMBERED:
                self.known.popitem(last=False)
        return found


_MEMORIES: dict[str, _Memory] = {}


def read_facts(text: str, lexicon: Lexicon | None = None, *, repeated: bool = False) -> tuple[Fact, ...]:
    """Read the facts of a report, in the order of their places; the same ones for the same text, always.

    ``repeated``: also those that were stated before (下壁は低収縮、側壁も低収縮: of two places).
    """
    lexicon = lexicon or load_lexicon()
    memory = _MEMORIES.get(lexicon.version)
    if memory is None or memory.lexicon is not lexicon:
        _MEMORIES.clear()
        memory = _MEMORIES[lexicon.version] = _Memory(lexicon)
    made = uniform(text)
    return tuple(_each(made.text, made.span, memory, repeated))


def _each(text: str, span: Any, memory: _Memory, repeated: bool) -> Iterator[Fact]:
    context, found = Context(bracketed=_IN_BRACKETS.search(text) is not None), list[Fact]()
    seen: dict[tuple[object, ...], int] = {}  # where in ``found`` a finding was stated first
    tabular, heads = has_columns(text), None
    for start, end in sentences(text):
        if tabular and (told := _of_table(text[start:end], heads, memory)) is not None:
            facts, heads = told
        else:
            heads = heads if end - start < _ROW and "、" not in text[start:end] else None  # a row that lacks a cell
            facts, context = memory.read(text[start:end], context)
        for fact in facts:
            key = (fact.concept, fact.polarity, fact.severity) if fact.value is None and fact.unit is None else None
            if key in seen and not repeated:
                if fact.concept in MOTION:  # 下壁は低収縮、側壁も低収縮
                    found[seen[key]] = _of_both(found[seen[key]], fact)
                continue
            if key is not None:
                seen[key] = len(found)
            first, last = span(start + fact.start, start + fact.end)
            if (first, last) != (fact.start, fact.end):
                stated = (fact.concept, fact.polarity, fact.severity, fact.value, fact.value_hi, fact.unit)
                # dataclasses.replace costs three times as much
                fact = Fact(*stated, first, last, fact.rule, walls=fact.walls)
            found.append(fact)
    found.sort(key=lambda fact: (fact.start, fact.end))
    return iter(found)


def _of_both(first: Fact, again: Fact) -> Fact:
    """Return a statement that is made twice: of the walls of both; a denial without a wall, or of all, is of any."""
    walls = tuple(dict.fromkeys((*first.walls, *again.walls)))
    if first.polarity in ("absent", "not_significant"):
        everywhere = not (first.walls and again.walls) or single_walls(walls) == single_walls(WALLS)
        return replace(first, walls=() if everywhere else walls)
    return replace(first, walls=walls)


def _of_table(line: str, heads: Columns | None, memory: _Memory) -> tuple[tuple[Fact, ...], Columns] | None:
    """Read a table's heading line, or a row below it; None of any other line."""
    if (begun := columns(line)) is not None:
        return (), begun
    cells = None if heads is None else row(line, heads)
    if heads is None or cells is None:
        return None
    facts = []
    for cell in cells:
        for fact in memory.read(cell.statement, Context())[0]:
            facts.append(replace(fact, start=cell.start, end=cell.end))
    return tuple(facts), heads


def _facts_of(sentence: str, lexicon: Lexicon, context: Context) -> tuple[tuple[Fact, ...], Context]:
    mentions, values, left = read_sentence(sentence, lexicon, context)
    facts = [
        Fact(
            *(m.finding.concept, m.polarity, m.grade, None, None, None, m.start, m.end, m.finding.rule),
            walls=m.walls,
        )
        for m in mentions
    ]
    facts += [
        Fact(
            *(v.measure, v.polarity, None, v.value, v.high),
            *(None if v.value is None else v.unit, v.start, v.end, f"measure.{v.measure}"),
        )
        for v in values
    ]
    return tuple(sorted(facts, key=lambda fact: (fact.start, fact.end))), left


def fact_json(fact: Fact) -> dict[str, Any]:
    """Return a fact as `echosearch facts --json` writes it; ``inherited`` where it is true, ``walls`` where one is
    named."""
    made = {
        "concept": fact.concept,
        "polarity": fact.polarity,
        "severity": None if fact.severity is None else list(fact.severity),
        "value": fact.value,
        "value_hi": fact.value_hi,
        "unit": fact.unit,
        "start": fact.start,
        "end": fact.end,
        "rule": fact.rule,
    }
    more = {"inherited": True} if fact.inherited else {}
    return made | more | ({"walls": list(fact.walls)} if fact.walls else {})


def fact_of_json(written: Mapping[str, Any]) -> Fact:
    """Return the fact that fact_json wrote."""
    severity = written["severity"]
    return Fact(
        **{
            **written,
            "severity": None if severity is None else tuple(severity),
            "walls": tuple(written.get("walls", ())),
        }
    )
