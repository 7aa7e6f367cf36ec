"""What was understood of a query, as `echosearch understand --json` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from echosearch.report.facts.query.understand import AnyOf, FindingCondition, QueryUnderstanding, ValueCondition
from echosearch.report.facts.walls import without_wall

__all__ = ["understanding_json"]


def understanding_json(found: QueryUnderstanding) -> dict[str, Any]:
    """Return what was understood, as `echosearch understand --json` writes it."""
    return {
        "required": _once([_any(each) if isinstance(each, AnyOf) else _json(each) for each in found.required]),
        "excluded": _once([_json(each) for each in found.excluded]),
        "values": [_json(each) for each in found.values],
        "demographics": [
            {"field": d.field, "op": d.op, "value": d.value, "value_hi": d.value_hi} for d in found.demographics
        ],
        "rest": found.rest,
        "walls": _walls(found),
        "changes": [
            {
                "concept": one.concept,
                "change": one.kind,
                "amount": one.amount,
                "unit": one.unit,
                "within_months": one.within_months,
            }
            for one in found.changes
        ],
        "ambiguous": [{"word": one.word, "read_as": one.concept, "other": one.other} for one in found.ambiguous],
        "untold": [{"word": one.word, "read_as": one.concept, "what": [*one.what]} for one in found.untold],
    }


def _any(either: AnyOf) -> dict[str, Any]:
    """Write conditions of which one is enough; those that differ in their walls alone are one."""
    made = _once([_json(one) for one in either.conditions])
    return made[0] if len(made) == 1 else {"any": made}


def _once(conditions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for place, one in enumerate(conditions) if one not in conditions[:place]]


def _walls(found: QueryUnderstanding) -> list[dict[str, Any]]:
    """Write which walls conditions are about: what is required of all or of any of them, or excluded."""
    groups: list[tuple[str, Sequence[FindingCondition | ValueCondition]]] = []
    for one in found.required:
        groups.append(("any", one.conditions) if isinstance(one, AnyOf) else ("all", (one,)))
    groups += [("excluded", (one,)) for one in found.excluded]
    made: list[tuple[dict[str, Any], str, int, list[str]]] = []
    for place, (kind, conditions) in enumerate(groups):
        for each in conditions:
            _, wall = without_wall(each.concept)
            if wall is None:
                continue
            said, at = _json(each), place if kind == "any" else 0  # 側壁は軽度、下壁は高度: each with its own
            same = [walls for one, how, where, walls in made if (one, how, where) == (said, kind, at)]
            if same:
                same[0].append(wall)
            else:
                made.append((said, kind, at, [wall]))
    return [{**said, kind: walls} for said, kind, _, walls in made]


def _json(condition: FindingCondition | ValueCondition) -> dict[str, Any]:
    if isinstance(condition, FindingCondition):
        severity = None if condition.severity is None else list(condition.severity)
        concept, _ = without_wall(condition.concept)  # its wall: _walls
        return {"concept": concept, "polarity": condition.polarity, "severity": severity}
    return {
        "concept": condition.concept,
        "op": condition.op,
        "value": condition.value,
        "value_hi": condition.value_hi,
        "unit": condition.unit,
    }
