"""query -> conditions: the parser of reports reads a query, and says what it did not understand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from echosearch.report.facts.demographic import COMPLEMENT, Demographic, demographics
from echosearch.report.facts.lexicon import Lexicon, load_lexicon
from echosearch.report.facts.mention import Mention, Polarity, Value
from echosearch.report.facts.reading import read_sentence
from echosearch.report.facts.rest import rest_of
from echosearch.report.facts.sentence import sentences
from echosearch.report.facts.state import Context
from echosearch.report.facts.uniform import uniform

__all__ = ["AnyOf", "FindingCondition", "QueryUnderstanding", "ValueCondition", "understand", "understanding_json"]

_LONGEST = 20_000  # of a query; what is behind is not read, and stays in rest


@dataclass(frozen=True)
class FindingCondition:
    """A finding that must, or must not, be stated; ``severity`` holds the grades that satisfy, None any."""

    concept: str
    polarity: Polarity
    severity: tuple[int, int] | None


@dataclass(frozen=True)
class ValueCondition:
    """A comparison of a measurement, in its unit; "between" holds both ends."""

    concept: str
    op: str
    value: float
    value_hi: float | None
    unit: str | None


@dataclass(frozen=True)
class AnyOf:
    """Conditions of which one is enough."""

    conditions: tuple[FindingCondition | ValueCondition, ...]


@dataclass(frozen=True)
class QueryUnderstanding:
    """What a query asks for, and what of it no rule covers."""

    required: tuple[FindingCondition | AnyOf, ...] = ()
    excluded: tuple[FindingCondition, ...] = ()
    values: tuple[ValueCondition, ...] = ()
    demographics: tuple[Demographic, ...] = ()
    rest: str = ""


def understand(query: str, lexicon: Lexicon | None = None) -> QueryUnderstanding:
    """Read a query. The same query is always understood the same way; nothing is guessed."""
    lexicon = lexicon or load_lexicon()
    made = uniform(query[:_LONGEST])
    people = demographics(made.text)
    text = _without(made.text, people)
    covered = [(start, end) for start, end, _ in people]
    mentions: list[Mention] = []
    values: list[Value] = []
    context = Context()
    for start, end in sentences(text):
        found, numbers, context = read_sentence(
            text[start:end], lexicon, context, query=True, covered=covered, at=start
        )
        mentions += found
        values += numbers
    required, excluded = _conditions(sorted(mentions, key=lambda m: m.start_at))
    loose = [value for value in values if value.value is not None]
    either = [value for value in loose if value.either]
    if either and (required or len(loose) > 1):
        loose, required = _either_values(loose, required)
    return QueryUnderstanding(
        tuple(dict.fromkeys(required)),
        tuple(dict.fromkeys(excluded)),
        tuple(dict.fromkeys(_ranges([_value(value) for value in loose]))),
        tuple(dict.fromkeys(one for _, _, one in people)),
        rest_of(made.text, covered) + (" " + query[_LONGEST:] if len(query) > _LONGEST else ""),
    )


def _without(text: str, people: Iterable[tuple[int, int, Demographic]]) -> str:
    for start, end, _ in people:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _conditions(mentions: list[Mention]) -> tuple[list[FindingCondition | AnyOf], list[FindingCondition]]:
    required: list[FindingCondition | AnyOf] = []
    excluded: list[FindingCondition] = []
    for mention in mentions:
        polarity = mention.polarity
        severity = None if polarity in ("absent", "not_significant", "not_assessed") else mention.severity
        made = FindingCondition(mention.finding.concept, polarity, severity)
        if mention.excluded:
            excluded.append(made)
        elif mention.either and required:
            last = required.pop()
            before = last.conditions if isinstance(last, AnyOf) else (last,)
            required.append(AnyOf((*before, made)))
        else:
            required.append(made)
    return required, excluded


def _either_values(
    loose: list[Value], required: list[FindingCondition | AnyOf]
) -> tuple[list[Value], list[FindingCondition | AnyOf]]:
    """A number joined by または: it and what stands before it are one ``any``."""
    kept: list[Value] = []
    for value in loose:
        if not value.either:
            kept.append(value)
        elif kept and kept[-1].start_at <= value.start_at and not _between(required, kept[-1], value):
            before = kept.pop()
            required.append(AnyOf((_value(before), _value(value))))
        elif required:
            last = required.pop()
            conditions = last.conditions if isinstance(last, AnyOf) else (last,)
            required.append(AnyOf((*conditions, _value(value))))
        else:
            kept.append(value)
    return kept, required


def _between(required: list[FindingCondition | AnyOf], before: Value, value: Value) -> bool:
    """Whether the or stands between two findings rather than between these two numbers."""
    return bool(required) and before.start_at > value.start_at


def _value(value: Value) -> ValueCondition:
    number = value.value if value.value is not None else 0.0
    op, high = value.op or "=", value.high
    if high is not None:
        op = "between"
    elif op == "decade":
        op, high = "between", number + 9
    if value.excluded:
        op = COMPLEMENT[op]
    return ValueCondition(value.measure, op, number, high, value.unit)


def _ranges(values: list[ValueCondition]) -> list[ValueCondition]:
    """40%以上50%以下 is one condition: both ends belong."""
    made: list[ValueCondition] = []
    for value in values:
        before = made[-1] if made else None
        if before and before.concept == value.concept and (before.op, value.op) == (">=", "<="):
            made[-1] = ValueCondition(value.concept, "between", before.value, value.value, value.unit)
        else:
            made.append(value)
    return made


def understanding_json(found: QueryUnderstanding) -> dict[str, Any]:
    """What was understood, as `echosearch understand --json` writes it."""
    return {
        "required": [
            {"any": [_json(one) for one in each.conditions]} if isinstance(each, AnyOf) else _json(each)
            for each in found.required
        ],
        "excluded": [_json(each) for each in found.excluded],
        "values": [_json(each) for each in found.values],
        "demographics": [
            {"field": d.field, "op": d.op, "value": d.value, "value_hi": d.value_hi} for d in found.demographics
        ],
        "rest": found.rest,
    }


def _json(condition: FindingCondition | ValueCondition) -> dict[str, Any]:
    if isinstance(condition, FindingCondition):
        severity = None if condition.severity is None else list(condition.severity)
        return {"concept": condition.concept, "polarity": condition.polarity, "severity": severity}
    return {
        "concept": condition.concept,
        "op": condition.op,
        "value": condition.value,
        "value_hi": condition.value_hi,
        "unit": condition.unit,
    }
