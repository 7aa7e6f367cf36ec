"""The lexicon: what each word of a report may mean, read from TOML files that a cardiologist can edit.

lexicon_ja.toml, cues_ja.toml, measures.toml, lexicon_en.toml and untold.toml ship; a site may add a file of the
same shape, whose words go before those that ship. The names of walls are in walls.toml. A version is a number and a
hash of all that was read.
"""

from __future__ import annotations

import hashlib
import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from echosearch.errors import ConfigError
from echosearch.report.facts.lexicon.lexicon import Example, Finding, Lexicon, Measure, Sense, examples_of
from echosearch.report.facts.lexicon.pattern import PatternError, pattern_words
from echosearch.report.facts.lexicon.untold_table import UntoldTable
from echosearch.report.facts.walls import MOTION, WALLS, of_wall, walls_bytes

__all__ = ["load_lexicon"]

_SHIPPED = ("lexicon_ja.toml", "cues_ja.toml", "measures.toml", "lexicon_en.toml", "untold.toml")
_SECTIONS = {"structure", "structure_vetoed", "region", "diffuse", "attribute", "quality", "abnormal", "normal"}
_TABLES = {"number", "finding", "cue", "severity", "severity_query", "measure", "pair", "vetoed", "unit"}
_TABLES |= {"ambiguous", "untold"}  # of questions alone
_NAMES = ("finding", "structure", "attribute", "quality")
_MEANS = {
    *("negative", "positive", "significant", "insignificant", "clear", "suspected", "undenied", "unassessed", "poor"),
    *(
        "earlier",
        "history",
        "treated",
        "now",
        "recalled",
        "change",
        "new",
        "noun",
        "drop",
        "others",
        "and",
        "end",
        "skip",
    ),
    *("or", "any", "exclude", "glue"),
}


def load_lexicon(site: Path | None = None) -> Lexicon:
    """Load the lexicon that ships, with a site's file where there is one. Raises ConfigError: file, place, rule."""
    if site is None:
        return _lexicon("", b"")
    try:
        return _lexicon(str(site), site.read_bytes())
    except OSError as exc:
        raise ConfigError(f"lexicon {site}: {exc.strerror}") from exc


@lru_cache(maxsize=4)
def _lexicon(site: str, data: bytes) -> Lexicon:
    """Made once for what is read: a site's file that was edited is another."""
    builder, digest = _Builder(), hashlib.sha256()
    number: object = 0
    for name in _SHIPPED:
        shipped = files(__package__).joinpath(name).read_bytes()
        digest.update(shipped)
        table = tomllib.loads(shipped.decode("utf-8"))
        number = table.get("number", number)
        builder.add(name, table)
    digest.update(walls_bytes())
    if site:
        digest.update(data)
        try:
            builder.add(site, tomllib.loads(data.decode("utf-8-sig")))
        except UnicodeDecodeError:
            raise ConfigError(f"lexicon {site}: not UTF-8, save it as UTF-8") from None
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(f"lexicon {site}: not TOML: {exc}") from exc
    return builder.made(f"{number}-{digest.hexdigest()[:12]}")


class _Builder:
    """Collects senses file by file; what a later file says of a word goes before."""

    def __init__(self) -> None:
        self.senses: dict[str, dict[str, Sense]] = {}
        self.query: dict[str, dict[str, Sense]] = {}
        self.compounds: dict[tuple[str, str], Finding] = {}
        self.findings: dict[str, Finding] = {}
        self.measures: dict[str, Measure] = {}
        self.labels: dict[str, str] = {}
        self.examples: list[Example] = []
        self.units: dict[str, dict[str, float]] = {}
        self.ambiguous: list[tuple[str, str, str, str]] = []
        self.untold = UntoldTable()

    def add(self, source: str, table: dict[str, Any]) -> None:
        """Add the rules of one file. Raises ConfigError: file, place, rule."""
        if unknown := sorted(set(table) - _SECTIONS - _TABLES):
            raise ConfigError(
                f"lexicon {source}: no such section {unknown[0]!r}: see docs/facts.md for those there are"
            )
        try:
            self._tables(table)
        except PatternError as exc:
            raise ConfigError(f"lexicon {source}: {exc}") from exc
        except KeyError as exc:
            raise ConfigError(f"lexicon {source}: a rule has no {exc.args[0]!r}") from exc
        except (TypeError, AttributeError, ValueError) as exc:
            raise ConfigError(f"lexicon {source}: a rule is not of the right shape: {exc}") from exc

    def _tables(self, table: dict[str, Any]) -> None:
        self._sections(table)
        self.units |= {_unit(name): factors for name, factors in table.get("unit", {}).items()}
        for name, read in (
            ("finding", self._finding),
            ("cue", self._cue),
            ("severity", self._severity),
            ("measure", self._measure),
            ("pair", self._pair),
        ):
            for entry in table.get(name, ()):
                read(entry)
        for grade, patterns in table.get("severity_query", {}).items():
            self._words(patterns, Sense("severity", (int(grade), int(grade)), "severity.query"), query=True)
        self.ambiguous += [
            (one["word"], one["reads"], one["meaning"], one["other"]) for one in table.get("ambiguous", ())
        ]
        self._words(table.get("vetoed", {}).get("words", ()), Sense("measure_vetoed", None, "vetoed"))
        for entry in table.get("untold", ()):
            self.untold.add(entry, self.findings)

    def _sections(self, table: dict[str, Any]) -> None:
        for name, patterns in table.get("structure", {}).items():
            self._words(patterns, Sense("structure", tuple(name.split()), f"structure.{name}"))
        self._words(
            table.get("structure_vetoed", {}).get("words", ()), Sense("structure", ("none",), "structure.vetoed")
        )
        for kind in ("region", "diffuse"):
            self._words(table.get(kind, {}).get("words", ()), Sense(kind, kind, kind))
        for kind in ("attribute", "quality", "abnormal", "normal"):
            for name, patterns in table.get(kind, {}).items():
                self._words(patterns, Sense(kind, name, f"{kind}.{name}"))

    def _finding(self, entry: dict[str, Any]) -> None:
        concept = entry["id"]
        made_from = [tuple(pair.split("+")) for pair in entry.get("from", ())]
        first = self.findings.get(concept)
        severity = entry.get("severity")
        made = Finding(
            concept,
            entry.get("rule", concept),
            entry.get("group", first.group if first else "state"),
            entry.get("head", made_from[0][0] if made_from else first.head if first else None),
            entry.get("implant", first.implant if first else False),
            (severity[0], severity[1]) if severity else None,
            entry.get("polarity"),
        )
        self.findings.setdefault(concept, made)
        if "label" in entry:
            self.labels[concept] = entry["label"]
        for structure, part in made_from:
            self.compounds[structure, part] = made
        self._words(entry.get("words", ()), Sense("finding", made, made.rule))
        self._examples(made.rule, entry)

    def _cue(self, entry: dict[str, Any]) -> None:
        means = entry["means"]
        if means not in _MEANS:
            raise ValueError(f"means = {means!r}, it is one of {', '.join(sorted(_MEANS))}")
        sense = Sense(means, means, entry["id"], entry.get("bounded", False), entry.get("before", False))
        self._words(entry["words"], sense, query=entry.get("query", False))
        self._examples(entry["id"], entry)

    def _severity(self, entry: dict[str, Any]) -> None:
        low, high = entry["grade"]
        if not 0 <= low <= high <= 4:
            raise ValueError(f"grade = {entry['grade']}, it is [low, high] within 0 to 4")
        kind = "tendency" if entry.get("after") else "severity"
        self._words(entry["words"], Sense(kind, (low, high), entry["id"]))
        self._examples(entry["id"], entry)

    def _measure(self, entry: dict[str, Any]) -> None:
        name, unit = entry["id"], entry.get("unit") or None
        low, high = entry["range"]
        factors = self.units.get(_unit(unit or "none"), {_unit(unit or ""): 1.0})
        worse = entry.get("worse")
        if worse not in (None, "<", ">"):
            raise ValueError(f'worse = {worse!r}, it is "<" or ">"')
        self.measures[name] = Measure(name, unit, low, high, tuple(factors.items()), worse)
        if "label" in entry:
            self.labels[name] = entry["label"]
        self._words(entry.get("words", ()), Sense("measure", name, f"measure.{name}"))
        self._examples(f"measure.{name}", entry)

    def _pair(self, entry: dict[str, Any]) -> None:
        name = "+".join(entry["measures"])
        self._words(entry["words"], Sense("measure", name, f"measure.{name}"))
        self._examples(f"measure.{name}", entry)

    def _words(self, patterns: Any, sense: Sense, query: bool = False) -> None:
        if isinstance(patterns, str):
            raise TypeError(f"{patterns!r} is a string: write a list of strings")
        into = self.query if query else self.senses
        for pattern in patterns:
            for word in pattern_words(pattern):
                if sense.kind in _NAMES:
                    word = word.removeprefix("の")  # of a pattern whose first part may be missing
                into.setdefault(word.lower(), {})[sense.kind] = sense

    def _examples(self, rule: str, entry: dict[str, Any]) -> None:
        self.examples += examples_of(rule, entry)

    def _labels_of_walls(self) -> dict[str, str]:
        """下壁の低収縮: of every wall and kind of motion."""
        kinds = [kind for kind in MOTION if kind in self.labels]
        return {
            of_wall(kind, name): f"{wall.ja}の{self.labels[kind]}" for kind in kinds for name, wall in WALLS.items()
        }

    def made(self, version: str) -> Lexicon:
        lengths: dict[str, set[int]] = {}
        for word in (*self.senses, *self.query):
            lengths.setdefault(word[:2], set()).add(len(word))
        for first, all_of in lengths.items():
            all_of |= {1} & lengths.get(first[0], set())  # a word of one character, too, begins here
        return Lexicon(
            {word: tuple(senses.values()) for word, senses in self.senses.items()},
            {word: tuple(senses.values()) for word, senses in self.query.items()},
            {first: tuple(sorted(all_of, reverse=True)) for first, all_of in lengths.items()},
            self.compounds,
            self.findings,
            self.measures,
            self.labels | self._labels_of_walls(),
            tuple(self.examples),
            tuple(self.ambiguous),
            self.untold.made(),
            tuple(self.untold.examples),
            version,
        )


def _unit(name: str) -> str:
    return name.lower().replace("_", "/")
