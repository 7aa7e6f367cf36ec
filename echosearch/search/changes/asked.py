"""Which change is asked for: a concept by any of its names, and a period such as 2y, 6m or 2年."""

from __future__ import annotations

import re

from echosearch.errors import InputError
from echosearch.report.facts import ChangeCondition, ChangeKind, FindingCondition, Lexicon, measures_in, understand
from echosearch.report.facts.text.named_walls import walls_in
from echosearch.report.facts.walls import MOTION, without_wall
from echosearch.search.filter_parser import parse_where
from echosearch.unicode import as_typed

__all__ = ["KINDS", "asked_change", "month_since", "months_within", "named_concept"]

KINDS: dict[str, ChangeKind] = {  # option -> change
    "finding": "new",
    "gone": "gone",
    "worse": "worse",
    "better": "better",
    "falls": "falls",
    "rises": "rises",
}
_PERIOD = re.compile(r"(\d{1,3})\s*(y|years?|年|m|months?|[かヶカヵケ]?月)(?:間|以内)?")


def asked_change(kind: ChangeKind, name: str, within: str | None, lexicon: Lexicon) -> ChangeCondition:
    """Parse the change. Raises InputError if ``name`` is not one finding or measurement, or ``within`` no period."""
    concept = named_concept(name, lexicon)
    if concept in MOTION and walls_in(name):
        raise InputError(f"{name[:40]!r}: a change is not told wall by wall: ask for 局所壁運動異常")
    is_measure = concept in lexicon.measures
    if is_measure and kind in ("new", "gone"):
        raise InputError(f"{name!r} is a measurement: ask with --falls or --rises")
    if kind in ("falls", "rises") and not is_measure:
        raise InputError(f"{name!r} is a finding: ask with --worse or --better")
    if is_measure:
        kind = {"worse": "falls", "better": "rises"}.get(kind, kind)  # type: ignore[assignment]  # of an EF
    return ChangeCondition(
        concept,
        kind,
        1.0 if kind in ("worse", "better") else None,
        None,
        None if within is None else months_within(within),
    )


def named_concept(name: str, lexicon: Lexicon) -> str:
    """Return the one finding or measurement that a name in any form means. Raises InputError."""
    plain = as_typed(name).strip()
    for known in (lexicon.findings, lexicon.measures):
        if plain.lower() in known:
            return plain.lower()
    found = understand(plain, lexicon)
    # of a wall motion abnormality there is a condition for each wall
    named = {without_wall(one.concept)[0] if isinstance(one, FindingCondition) else "" for one in found.required}
    if len(named) == 1 and "" not in named and not found.rest:
        return named.pop()
    measures = measures_in(plain, lexicon)
    if len(measures) == 1 and not found.required:
        return measures[0]
    raise InputError(f"{name[:40]!r} is not one finding or measurement: name one, such as ペースメーカー, mr or EF")


def months_within(text: str) -> int:
    """Read 2y as 24, 6m as 6, 2年 as 24. Raises InputError."""
    match = _PERIOD.fullmatch(as_typed(text).strip().lower())
    if match is None or not int(match[1]):
        raise InputError(f"--within {text[:20]!r}: give years or months, such as 2y, 6m or 2年")
    return int(match[1]) * (12 if match[2][0] in "y年" else 1)


def month_since(text: str) -> int:
    """Read 2020 as 202001, 2020-04 as 202004. Raises InputError."""
    try:
        where = parse_where(f"date >= {text}")
    except InputError:
        raise InputError(f"--since {text[:20]!r}: give a year or a month, such as 2020 or 2020-04") from None
    value = getattr(where, "value", None)
    if not isinstance(value, int):
        raise InputError(f"--since {text[:20]!r}: give a year or a month, such as 2020 or 2020-04")
    return value
