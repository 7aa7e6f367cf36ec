"""A typed question -> conditions on facts, a filter on people and dates, and the words that no rule covers."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nextafter
from typing import Any

from echosearch.encoder.text.report_words import QueryTerms, query_terms
from echosearch.errors import InputError
from echosearch.filters import Where
from echosearch.report.facts import (
    AnyOf,
    ChangeCondition,
    FindingCondition,
    Lexicon,
    QueryUnderstanding,
    ValueCondition,
    understand,
    understanding_json,
    understood_words,
)
from echosearch.report.facts.text.named_walls import walls_in
from echosearch.report.facts.walls import MOTION, without_wall
from echosearch.report.named_views import named_views, without_views
from echosearch.report.text import MAX_READ
from echosearch.search.filter_parser import parse_where
from echosearch.search.people import people_where
from echosearch.unicode import is_text

__all__ = ["MAX_TEXT", "Question", "check_consistent", "check_text", "read_question"]

MAX_TEXT = MAX_READ  # characters


@dataclass(frozen=True)
class Question:
    """What a query asks for. ``where`` holds its conditions on age, sex and date."""

    understanding: QueryUnderstanding
    required: tuple[FindingCondition | ValueCondition | AnyOf | ChangeCondition, ...]
    excluded: tuple[FindingCondition, ...]
    where: Where | None
    words: str  # the understanding in one line, as it is shown
    asks_words: QueryTerms  # what reports are asked for: of ``rest``, and what no fact tells
    doubts: tuple[str, ...] = ()  # an abbreviation, a place that no fact tells, a change of a wall
    of_videos: tuple[str, ...] = ()  # what videos do not tell apart

    @property
    def rest(self) -> str:
        """What no rule covers."""
        return self.understanding.rest

    @property
    def unnamed(self) -> str:
        """What no rule covers, and what is no view of videos either."""
        return without_views(self.rest)

    @property
    def asks_only_words(self) -> bool:
        """Whether nothing but words of reports is asked for."""
        return bool(self.asks_words.terms) and not self.required

    @property
    def json(self) -> dict[str, Any]:
        return {**understanding_json(self.understanding), "words": self.asks_words.json}


def check_text(text: str) -> None:
    """Raise InputError if a query has no words, is too long, or is no text."""
    if not any(character.isalnum() for character in text):
        raise InputError("the query has no words: describe findings as in a report, such as 重度僧帽弁逆流")
    if len(text) > MAX_TEXT:
        raise InputError(f"the query has {len(text)} characters, at most {MAX_TEXT} are read: shorten it")
    if not is_text(text):
        raise InputError("the query is not UTF-8 text: set the terminal to UTF-8, or give the text in a file")


def read_question(text: str, lexicon: Lexicon) -> Question:
    """Read a query. Raises InputError if it is empty, too long, no text, or contradicts itself."""
    check_text(text)
    found = understand(text, lexicon)
    check_consistent(found, lexicon)
    people = people_where(found.demographics)
    rest = without_views(found.rest)
    asks_words = query_terms(rest, text, lexicon, found.phrases) if rest or found.phrases else QueryTerms()
    named = (" または " if asks_words.either else " · ").join(f"「{term}」" for term in asks_words.terms)
    return Question(
        found,
        (*found.required, *found.values, *found.changes),
        found.excluded,
        parse_where(people) if people else None,
        " · ".join(part for part in (understood_words(found, lexicon), named) if part),
        asks_words,
        (*map(str, found.ambiguous), *map(str, found.untold), *_of_views(found.rest), *_of_changes(text, found)),
        _of_walls(found),
    )


def _of_views(rest: str) -> list[str]:
    return [
        f"{name[:40]} is no condition of a query: add {condition} as a condition on videos"
        for name, condition in named_views(rest).items()
    ]


def _of_changes(text: str, found: QueryUnderstanding) -> list[str]:
    if any(change.concept in MOTION for change in found.changes) and walls_in(text):
        return ["a change is not told wall by wall: that of any wall answers"]
    return []


def _of_walls(found: QueryUnderstanding) -> tuple[str, ...]:
    """Say how far videos tell walls apart, where the query names one."""
    asked = [each for one in found.required for each in (one.conditions if isinstance(one, AnyOf) else (one,))]
    if any(without_wall(one.concept)[1] is not None for one in asked):
        return ("reports are searched for the wall itself, videos for the territory of its artery (LAD, RCA or LCX)",)
    return ()


def check_consistent(found: QueryUnderstanding, lexicon: Lexicon) -> None:
    """Raise InputError if conditions contradict one another."""
    wanted: dict[str, FindingCondition] = {}
    for one in (each for each in found.required if isinstance(each, FindingCondition)):
        before = wanted.setdefault(one.concept, one)
        both = (before.severity or (0, 4), one.severity or (0, 4))
        apart = max(low for low, _ in both) > min(high for _, high in both)
        if before.polarity != one.polarity or (one.polarity == "present" and apart):
            label = lexicon.labels.get(one.concept, one.concept)
            raise InputError(
                f"the query contradicts itself: {label} cannot be both; ask for one, or join them with または"
            )
    for one in found.excluded:
        about = [each for name, each in wanted.items() if one.concept in (name, without_wall(name)[0])]
        if any(each.polarity == one.polarity and _covers(one.severity, each.severity) for each in about):
            label = lexicon.labels.get(one.concept, one.concept)
            raise InputError(f"the query contradicts itself: {label} is asked for and excluded; leave one out")
    bounds: dict[str, tuple[float, float]] = {}
    for value in found.values:
        low, high = bounds.get(value.concept, (-inf, inf))
        least, most = _range(value)
        low, high = max(low, least), min(high, most)
        if low > high:
            label = lexicon.labels.get(value.concept, value.concept)
            raise InputError(f"the query contradicts itself: no {label} is above {low:g} and below {high:g}")
        bounds[value.concept] = (low, high)


def _range(value: ValueCondition) -> tuple[float, float]:
    """The least and the greatest value that satisfy a comparison; "!=" bounds nothing."""
    below, above = nextafter(value.value, -inf), nextafter(value.value, inf)
    end = value.value if value.value_hi is None else value.value_hi
    ranges = {
        "<": (-inf, below),
        "<=": (-inf, value.value),
        ">": (above, inf),
        ">=": (value.value, inf),
        "=": (value.value, value.value),
        "between": (value.value, end),
    }
    return ranges.get(value.op, (-inf, inf))


def _covers(excluded: tuple[int, int] | None, wanted: tuple[int, int] | None) -> bool:
    """Whether nothing that is wanted is left; a wanted interval from 0 on is met by absence too."""
    if excluded is None or wanted is None:
        return excluded is None and (wanted is None or wanted[0] > 0)
    return excluded[0] <= wanted[0] and wanted[1] <= excluded[1]
