"""The prompts by which videos are asked for a fact: levels of a concept, each with its ways to be said.

    mr      なし | ごく軽度 | 軽度 | 中等度 | 高度      five levels, 0 to 4
    rwma    none | anterior, inferior, lateral         two levels; of several places the nearest counts
    rwma.LAD    none | anterior                        of those places, the ones of a wall's territories
    lvef    10, 15 ... 80                              a level for each value

Data: prompts_ja.toml, prompts_en.toml, one for each language that an encoder reads.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from echosearch.report.facts import english_names
from echosearch.report.facts.walls import territories_of, without_wall

__all__ = ["MILD", "Language", "Level", "PromptSet", "places_asked", "prompt_set", "value_prompts", "zero_shot_prompts"]

Language = Literal["ja", "en"]
MILD = 2  # the grade from which a finding is there: 1 is trivial or borderline


@dataclass(frozen=True)
class Level:
    """One answer that a video can be near to. Of several meanings the nearest counts; each has several wordings."""

    value: float  # a grade 0 to 4, or the value of a measurement
    meanings: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class PromptSet:
    """All levels of a concept, the least first; one level where no report says its absence."""

    concept: str
    levels: tuple[Level, ...]
    graded: bool

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(text for level in self.levels for meaning in level.meanings for text in meaning)


@lru_cache(maxsize=2)
def _table(language: Language) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(f"prompts_{language}.toml").read_text(encoding="utf-8"))


def prompt_set(concept: str, label: str, language: Language = "ja") -> PromptSet:
    """Return the prompts of a finding, or of one wall of it; ``label`` names it where the table does not."""
    finding, _ = without_wall(concept)
    table, entry = _table(language), _entry(finding, language)
    if "value" in entry:
        return _below(concept, table["values"][entry["value"]], entry["present_below"], language)
    if "places" in entry:
        absent = tuple(entry.get("absent", ()))
        places = [entry["places"][place] for place in places_asked(concept, language)]
        there = Level(4, tuple(_place(place, entry) for place in places))
        return PromptSet(
            concept, (*((Level(0, (_stopped(absent, language),)),) if absent else ()), there), graded=False
        )
    named = english_names().get(finding, label) if language == "en" else label
    names = tuple(entry.get("names", (named,)))
    grades = table["grades"].get(entry.get("scale", ""), [])
    none = [form.format(name=name) for form in table["forms"]["absent"] for name in names]
    levels = [Level(0, (_stopped(none, language),))]
    for grade, words in enumerate(grades, 1):
        said = [
            form.format(grade=word, name=name) for form in table["forms"]["present"] for word in words for name in names
        ]
        levels.append(Level(grade, (_stopped(said, language),)))
    if not grades:
        bare = [f"{name}あり" if language == "ja" else f"{name}." for name in names]
        levels.append(Level(4, (_stopped(bare, language),)))
    return PromptSet(concept, tuple(levels), graded=bool(grades))


def places_asked(concept: str, language: Language = "ja") -> tuple[int, ...]:
    """Return which places of a finding are of the wall that its concept names, as rows; all where it names none."""
    finding, wall = without_wall(concept)
    meant = None if wall is None else territories_of(wall)
    places = _entry(finding, language)["places"]
    return tuple(row for row, place in enumerate(places) if meant is None or place["territory"] in meant)


def _entry(concept: str, language: Language) -> dict[str, Any]:
    concepts = _table(language)["concepts"]
    entry = dict(concepts.get(concept, {}))
    return {**concepts.get(entry["like"], {}), **entry} if "like" in entry else entry


def zero_shot_prompts(concept: str, language: Language = "ja") -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return (present, absent) prompts by which an evaluation asks for a finding, all grades from mild on at once.

    ``present`` has a tuple for each meaning; each grade is said by its first word. ``absent`` may be empty.
    """
    made, entry = prompt_set(concept, concept, language), _entry(concept, language)
    absent = made.levels[0].meanings[0] if made.levels[0].value == 0 else ()
    table = _table(language)
    grades = table["grades"].get(entry.get("scale", ""), [])
    if not grades:
        return made.levels[-1].meanings, absent
    said = [
        form.format(grade=words[0], name=name)
        for form in table["forms"]["present"]
        for name in entry["names"]
        for words in grades[MILD - 1 :]
    ]
    return (_stopped(said, language),), absent


def value_prompts(measure: str, language: Language = "ja") -> PromptSet | None:
    """Return the prompts of a measurement's values, None where videos cannot be asked for it."""
    entry = _table(language)["values"].get(measure)
    if entry is None:
        return None
    levels = [
        Level(value, (_stopped([f.format(value=value) for f in entry["forms"]], language),)) for value in _grid(entry)
    ]
    return PromptSet(measure, tuple(levels), graded=True)


def _grid(entry: dict[str, Any]) -> range:
    """The values of a measurement that prompts are made for."""
    return range(entry["from"], entry["to"] + 1)


def _below(concept: str, entry: dict[str, Any], limit: float, language: Language) -> PromptSet:
    """A finding that is a value below a limit (lvef_low): two levels made of the values on both sides."""
    above, below = (
        tuple(form.format(value=value) for value in _grid(entry) if (value < limit) is low for form in entry["forms"])
        for low in (False, True)
    )
    sides = [_stopped(side, language) for side in (above, below)]
    return PromptSet(concept, (Level(0, (sides[0],)), Level(4, (sides[1],))), graded=False)


def _place(place: dict[str, Any], entry: dict[str, Any]) -> tuple[str, ...]:
    if "prompts" in place:
        return _stopped(place["prompts"], "ja")
    return _stopped(
        [
            form.format(where=where, what=what)
            for where in place["where"]
            for what in entry["what"]
            for form in entry["place_forms"]
        ],
        "ja",
    )


def _stopped(prompts: tuple[str, ...] | list[str], language: Language) -> tuple[str, ...]:
    """Japanese prompts end with 「。」, as phrases of reports do."""
    return tuple(prompt if language == "en" or prompt.endswith(("。", ".")) else f"{prompt}。" for prompt in prompts)
