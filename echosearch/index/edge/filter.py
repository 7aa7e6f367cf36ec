"""Turn a Where into the embedded engine's filter."""

from __future__ import annotations

from qdrant_edge import FieldCondition, Filter, MatchAny, MatchValue, RangeFloat

from echosearch.filters import FIELDS, And, Comparison, Not, Or, Where, flatten_and
from echosearch.index.fields import interval, word_number

__all__ = ["edge_filter"]

Condition = FieldCondition | Filter


def edge_filter(where: Where) -> Filter:
    """Return the engine's filter. A field that a point lacks matches no comparison, so ``Not`` matches unknown values.

    The filter is as flat as possible: an engine plans the conditions of one "must" together, nested filters apart.
    """
    made = _condition(where)
    return made if isinstance(made, Filter) else Filter(must=[made])


def _condition(where: Where) -> Condition:
    match where:
        case And():
            return Filter(must=[_condition(part) for part in flatten_and(where)])
        case Or(parts):
            # an empty "should" would match everything
            return Filter(should=[_condition(part) for part in parts]) if parts else _nothing()
        case Not(part):
            return Filter(must_not=[_condition(part)])
        case Comparison():
            return _comparison(where)


def _comparison(where: Comparison) -> Condition:
    values = where.value if isinstance(where.value, tuple) else (where.value,)
    if not values:
        return _nothing()
    if FIELDS[where.field] is str:
        numbers = [word_number(where.field, str(value)) for value in values]
        return FieldCondition("words", match=MatchValue(numbers[0]) if where.op == "=" else MatchAny(numbers))
    bounds = [interval(where, float(value)) for value in values]
    ranges = [FieldCondition(where.field, range=RangeFloat(gte=b.gte, gt=b.gt, lte=b.lte, lt=b.lt)) for b in bounds]
    return ranges[0] if len(ranges) == 1 else Filter(should=[*ranges])


def _nothing() -> FieldCondition:
    """Return a condition that no point matches: no word's number is negative."""
    return FieldCondition("words", match=MatchAny([-1]))
