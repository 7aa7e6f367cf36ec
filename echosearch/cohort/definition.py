"""A cohort's definition: what a study must state, in order, the filter, and which studies of a patient count.

It may be held to a list of studies, such as somebody drew around on the map.

It comes from a sentence (`define`) or from TOML that a person may edit and keep under version control (toml.py); either
way it is checked here against the lexicon in use.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from echosearch.db.cohorts.plan import PER_PATIENT, Criterion, Excluded, PerPatient, Stated, Window
from echosearch.db.questions.fact_conditions import Condition
from echosearch.errors import InputError
from echosearch.filters import And, Comparison, Where, flatten_and
from echosearch.report.facts import (
    AnyOf,
    ChangeCondition,
    FindingCondition,
    Lexicon,
    QueryUnderstanding,
    ValueCondition,
)
from echosearch.report.facts import understood_words as in_words
from echosearch.report.facts.walls import without_wall
from echosearch.report.named_views import named_views
from echosearch.search.filter_parser import parse_where
from echosearch.search.people import people_where
from echosearch.search.question import check_consistent, read_question

__all__ = [
    "MOST_STUDIES",
    "Definition",
    "Made",
    "check_definition",
    "check_name",
    "cohort_words",
    "conditions_of",
    "criterion_words",
    "define",
    "flat",
    "window_of",
    "windows_of",
]

Single = FindingCondition | ValueCondition | ChangeCondition
MOST_STUDIES = 2000  # that a definition lists
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"\w[\w.-]{0,63}")
_WINDOW = re.compile(r"\s*(\d{1,5})\s*(days?|months?|日|[ヶかカケ]月)\s*[:：]\s*(.+)", re.DOTALL)


@dataclass(frozen=True)
class Made:
    """The versions that a definition was made with."""

    lexicon: str = ""
    encoder: str | None = None  # fingerprint, where videos are asked
    calibration: str | None = None


@dataclass(frozen=True)
class Definition:
    """Which studies are members."""

    name: str
    criteria: tuple[Criterion, ...]
    text: str = ""  # as it was typed; the criteria are what counts
    where: str = ""  # a filter, as --where
    per_patient: PerPatient = "all"
    seed: int = 0  # of per_patient = "random"
    video_at_least: float | None = None  # probability from which silent studies join by their videos
    made: Made = field(default_factory=Made)
    studies: tuple[str, ...] = ()  # keys that somebody chose: no other study is asked


def check_name(name: str) -> None:
    """Raise InputError on a name that cannot be written as NAME@1."""
    if not _NAME.fullmatch(name):
        raise InputError(f"cohort name {name[:80]!r}: letters, digits, _ - and . only, at most 64, none of .- first")


def define(
    name: str,
    text: str,
    lexicon: Lexicon,
    *,
    where: str = "",
    per_patient: PerPatient = "all",
    seed: int = 0,
    video_at_least: float | None = None,
    windows: Sequence[Window] = (),
    studies: Sequence[str] = (),
) -> Definition:
    """Read a sentence, or a list of study keys, or both into a definition.

    Raises InputError on what is not understood, empty or contradictory.
    """
    if studies and not text.strip():
        made = Definition(name, (), where=where.strip(), per_patient=per_patient, seed=seed, studies=tuple(studies))
        check_definition(made, lexicon)
        return made
    try:
        question = read_question(text, lexicon)
    except InputError as exc:
        raise InputError(str(exc).replace("the query", f"cohort {name}")) from None
    if question.rest:
        views = ", ".join(named_views(question.rest).values())
        raise InputError(
            f"not understood: {question.rest[:200]}; a cohort guesses nothing: say it in other words"
            " (echosearch understand), or leave it out" + (f" (of videos: --where {views!r})" if views else "")
        )
    criteria: list[Criterion] = [Stated(one) for one in question.required]
    criteria += [Excluded(one) for one in question.excluded]
    people = people_where(question.understanding.demographics)
    filters = [part for part in (people, where.strip()) if part]
    made = Definition(
        name,
        (*criteria, *windows),
        text,
        " and ".join(f"({part})" for part in filters) if len(filters) > 1 else "".join(filters),
        per_patient,
        seed,
        video_at_least,
        Made(lexicon.version),
        tuple(studies),
    )
    check_definition(made, lexicon)
    return made


def window_of(given: str, lexicon: Lexicon, side: str, absent: bool) -> Window:
    """Read "90 days: 人工弁あり". Raises InputError, WhereError."""
    option = f"--{'not-' if absent else ''}{side}"
    match = _WINDOW.fullmatch(given)
    if match is None:
        raise InputError(
            f'{option} {given[:80]!r}: write a number of days or months, a colon and findings: "90 days: 人工弁"'
        )
    question = read_question(match[3], lexicon)
    if question.rest or question.where is not None or question.excluded or not question.required:
        raise InputError(
            f"{option} {match[3][:80]!r}: a window names findings and measurements of the other study only"
            + (f"; not understood: {question.rest[:80]}" if question.rest else "")
        )
    unit: Literal["days", "months"] = "days" if match[2][0] in "d日" else "months"
    way: Literal["before", "after"] = "after" if side == "after" else "before"
    return Window(question.required, way, int(match[1]), unit, absent, match[3])


def windows_of(
    lexicon: Lexicon,
    after: Sequence[str],
    before: Sequence[str],
    not_after: Sequence[str],
    not_before: Sequence[str],
) -> list[Window]:
    """Read the windows of each kind, in this order. Raises InputError, WhereError."""
    given = (
        ("after", False, after),
        ("before", False, before),
        ("after", True, not_after),
        ("before", True, not_before),
    )
    return [window_of(one, lexicon, side, absent) for side, absent, each in given for one in each]


def check_definition(definition: Definition, lexicon: Lexicon) -> None:
    """Raise InputError on an empty or contradictory definition, an unknown concept, or a value that means nothing."""
    check_name(definition.name)
    named = f"cohort {definition.name}"
    for condition in conditions_of(definition):
        for one in flat(condition):
            _check_condition(named, one, lexicon)
    alone = [one for one in definition.criteria if not isinstance(one, Window)]
    _check_studies(named, definition.studies)
    if not alone and not definition.studies:
        raise InputError(f"{named}: an empty definition: name a finding or a measurement that its studies state")
    for window in definition.criteria:
        if isinstance(window, Window) and (window.length < 0 or not window.conditions):
            raise InputError(f"{named}: a window has a length from 0 on and names what the other study states")
    if definition.per_patient not in PER_PATIENT:
        raise InputError(f"{named}: per_patient {definition.per_patient!r}: it is one of {', '.join(PER_PATIENT)}")
    if definition.video_at_least is not None:
        _check_threshold(named, definition.video_at_least, alone)
    if definition.where:
        _check_where(named, parse_where(definition.where))
    try:
        check_consistent(understanding_of(definition.criteria), lexicon)
    except InputError as exc:
        raise InputError(str(exc).replace("the query", named)) from None


def _check_studies(named: str, studies: Sequence[str]) -> None:
    if len(studies) > MOST_STUDIES:
        raise InputError(
            f"{named}: {len(studies):,} studies are listed: at most {MOST_STUDIES:,}; name a finding instead"
        )
    for study in studies:
        if not _KEY.fullmatch(study):
            raise InputError(f"{named}: studies lists {study[:40]!r}: it is no key of a study")


def _check_threshold(named: str, at_least: float, criteria: Sequence[Criterion]) -> None:
    if not 0 < at_least <= 1:
        raise InputError(f"{named}: video_at_least {at_least:g}: give a probability above 0, up to 1")
    asked = [one.condition for one in criteria if isinstance(one, Stated)]
    if not asked:
        raise InputError(f"{named}: video_at_least needs a finding or a measurement to ask the videos for")
    if any(isinstance(one, ChangeCondition) for one in asked):
        raise InputError(f"{named}: video_at_least beside a change, which only reports are asked for: leave one out")


def _check_condition(named: str, one: Single, lexicon: Lexicon) -> None:
    measure = lexicon.measures.get(one.concept)
    if isinstance(one, ValueCondition) or (isinstance(one, ChangeCondition) and one.kind in ("falls", "rises")):
        if measure is None:
            raise InputError(
                f"{named}: {one.concept!r} is no measurement of the lexicon {lexicon.version} (docs/facts.md)"
            )
        if one.unit != measure.unit:
            raise InputError(
                f"{named}: {one.concept} is kept in {measure.unit or 'no unit'}, the definition says"
                f" {one.unit or 'no unit'}"
            )
        return
    finding = without_wall(one.concept)[0] if isinstance(one, FindingCondition) else one.concept
    if finding not in lexicon.findings:
        raise InputError(f"{named}: {one.concept!r} is no finding of the lexicon {lexicon.version} (docs/facts.md)")
    graded = one.severity if isinstance(one, FindingCondition) else None
    if graded is not None and not 0 <= graded[0] <= graded[1] <= 4:
        raise InputError(
            f"{named}: {one.concept} has the severity {[*graded]}: two grades from 0 to 4, the lower first"
        )


def _check_where(named: str, where: Where) -> None:
    """Raise InputError where an age or a month would have to be above and below at once."""
    bounds: dict[str, tuple[float, float]] = {}
    for part in flatten_and(where) if isinstance(where, And) else (where,):
        if not isinstance(part, Comparison) or not isinstance(part.value, int):
            continue
        low, high = bounds.get(part.field, (-math.inf, math.inf))
        least = part.value + (part.op == ">") if part.op in (">", ">=", "=") else -math.inf
        most = part.value - (part.op == "<") if part.op in ("<", "<=", "=") else math.inf
        bounds[part.field] = low, high = max(low, least), min(high, most)
        if low > high:
            field = "date" if part.field == "month" else part.field
            raise InputError(f"{named} contradicts itself: no {field} meets all that the filter asks for")


def conditions_of(definition: Definition) -> Iterator[Condition]:
    """Yield every condition, those of windows too."""
    for one in definition.criteria:
        yield from one.conditions if isinstance(one, Window) else (one.condition,)


def flat(condition: Condition) -> tuple[Single, ...]:
    return condition.conditions if isinstance(condition, AnyOf) else (condition,)


def understanding_of(criteria: Sequence[Criterion]) -> QueryUnderstanding:
    """Return the criteria on the study itself, as a query would be understood."""
    stated = [one.condition for one in criteria if isinstance(one, Stated)]
    return QueryUnderstanding(
        tuple(one for one in stated if not isinstance(one, ValueCondition | ChangeCondition)),
        tuple(one.condition for one in criteria if isinstance(one, Excluded)),
        tuple(one for one in stated if isinstance(one, ValueCondition)),
        changes=tuple(one for one in stated if isinstance(one, ChangeCondition)),
    )


def cohort_words(definition: Definition, lexicon: Lexicon) -> str:
    """Return what a definition asks for, in one line."""
    parts = [criterion_words(one, lexicon) for one in definition.criteria]
    parts += [f"{len(definition.studies)} chosen studies"] if definition.studies else []
    parts += [definition.where] if definition.where else []
    parts += [f"{definition.per_patient} of each patient"] if definition.per_patient != "all" else []
    if definition.video_at_least is not None:
        parts.append(f"or by videos at {definition.video_at_least:g}")
    return " · ".join(parts)


def criterion_words(criterion: Criterion, lexicon: Lexicon) -> str:
    """Return a line such as: MR 中等度以上; 人工弁 あり を除く; 人工弁 あり 90 days after."""
    if not isinstance(criterion, Window):
        return in_words(understanding_of((criterion,)), lexicon)
    inside = in_words(understanding_of([Stated(one) for one in criterion.conditions]), lexicon)
    return f"{'no ' if criterion.absent else ''}{inside}, up to {criterion.length} {criterion.unit} {criterion.side}"
