"""The conditions of a query in English, part by part as understood_parts has them in Japanese."""

from __future__ import annotations

from typing import Any

from echosearch.report.facts import (
    AnyOf,
    ChangeCondition,
    Demographic,
    Fact,
    FindingCondition,
    Lexicon,
    QueryUnderstanding,
    ValueCondition,
    english_names,
    excluded_parts,
    fact_line,
    shown_severity,
    value_words,
)
from echosearch.report.facts.walls import WALLS, without_wall
from echosearch.search.changes.scale import Told
from echosearch.web.language.words import words_in

__all__ = ["concept_label", "concept_name", "english_parts", "fact_in_english", "in_english", "told_in_english"]

Part = AnyOf | FindingCondition | ValueCondition | ChangeCondition | Demographic


def concept_name(concept: str, lexicon: Lexicon) -> str:
    """Return a concept's English name; of one that a site added its label."""
    concept, wall = without_wall(concept)
    if wall is not None:
        return f"{concept_name(concept, lexicon)} of the {WALLS[wall].en}"
    label = lexicon.labels.get(concept, concept)
    return label if label.isascii() else english_names().get(concept, label)


def concept_label(concept: str, lexicon: Lexicon, language: str) -> str:
    """Return a concept's name in the language of a page."""
    return concept_name(concept, lexicon) if language == "en" else lexicon.labels.get(concept, concept)


def fact_in_english(fact: Fact, lexicon: Lexicon) -> str:
    """Write a fact of a report, such as: MR severe; LV dilation absent; EF 35 %."""
    name = concept_name(fact.concept, lexicon)
    if fact.walls:
        name += f" of the {' and '.join(WALLS[wall].en for wall in fact.walls)}"
    return _line(name, fact)


def told_in_english(told: Told) -> str | None:
    """Return what report and structured report say of a concept, as told_words has it in Japanese."""
    said = [f"({_line('', fact)})" if fact.inherited else _line("", fact) for fact in told.facts]
    said += [f"SR {one.value:g} {one.unit or ''}".strip() for one in told.measurements]
    return ", ".join(dict.fromkeys(said)) or None


def _line(name: str, fact: Fact) -> str:
    t, graded = words_in("en"), shown_severity(fact)
    severity = "" if graded is None else _grades(graded, t.grades)
    return fact_line(fact, (name, t.polarities[fact.polarity], severity, value_words(fact, "-")))


def english_parts(found: QueryUnderstanding, lexicon: Lexicon) -> list[str]:
    """Return what was understood of a query, condition by condition, in the order of understood_parts."""
    parts = [in_english(each, lexicon) for each in found.required]
    for each, left in excluded_parts(found):
        walls = " and ".join(WALLS[wall].en for wall in left)
        parts.append(f"not {in_english(each, lexicon)}" + (f" of any wall but the {walls}" if walls else ""))
    others: list[Part] = [*found.values, *found.changes, *found.demographics]
    return parts + [in_english(each, lexicon) for each in others]


def in_english(part: Part, lexicon: Lexicon) -> str:
    """Write one condition, such as: MR moderate or more; EF < 40 %; age >= 65."""
    t = words_in("en")
    match part:
        case AnyOf(conditions):
            return " or ".join(in_english(one, lexicon) for one in conditions)
        case FindingCondition(concept, polarity, severity):
            graded = _grades(severity, t.grades) if severity is not None else ""
            said = "" if polarity == "present" and graded else t.polarities[polarity]
            return " ".join(one for one in (concept_name(concept, lexicon), graded, said) if one)
        case ValueCondition():
            unit = f" {part.unit}" if part.unit else ""
            if part.value_hi is None:
                return f"{concept_name(part.concept, lexicon)} {part.op} {part.value:g}{unit}"
            outside = "outside " if part.op == "!=" else ""
            return f"{concept_name(part.concept, lexicon)} {outside}{part.value:g}-{part.value_hi:g}{unit}"
        case ChangeCondition():
            return _change(part, concept_name(part.concept, lexicon), t)
        case Demographic():
            return _person(part)


def _grades(severity: tuple[int, int], names: list[str]) -> str:
    low, high = severity
    if low == high:
        return names[low]
    if high == 4:
        return f"{names[low]} or more"
    return f"{names[high]} or less" if low == 0 else f"{names[low]} to {names[high]}"


def _change(part: ChangeCondition, name: str, t: Any) -> str:
    when = "since the study before" if part.within_months is None else f"within {part.within_months} months"
    amount = ""
    if part.amount is not None:
        unit = " grades" if part.kind in ("worse", "better") else f" {part.unit}" if part.unit else ""
        amount = f" by {part.amount:g}{unit} or more"
    return f"{name} {t.changes[part.kind]}{amount} {when}"


def _person(part: Demographic) -> str:
    if part.field == "sex":
        return "female" if part.value == "F" else "male"
    if part.value_hi is not None:
        return f"{'not ' if part.op == '!=' else ''}{part.field} {part.value}-{part.value_hi}"
    return f"{part.field} {part.op} {part.value}"
