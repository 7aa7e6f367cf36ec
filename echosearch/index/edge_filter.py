"""Where -> the embedded engine's filter."""

from __future__ import annotations

from qdrant_edge import FieldCondition, Filter, MatchAny, MatchValue, RangeFloat

from echosearch.index.fields import interval, word_number
from echosearch.where import FIELDS, And, Comparison, Not, Or, Where

__all__ = ["edge_filter"]


def edge_filter(where: Where) -> Filter:
    """A field that a point lacks matches no comparison, so ``Not`` matches what is unknown."""
    match where:
        case And(parts):
            return Filter(must=[edge_filter(part) for part in parts])
        case Or(parts):
            # an empty "should" would match everything
            return Filter(should=[edge_filter(part) for part in parts]) if parts else _nothing()
        case Not(part):
            return Filter(must_not=[edge_filter(part)])
        case Comparison():
            return _comparison(where)


def _comparison(where: Comparison) -> Filter:
    values = where.value if isinstance(where.value, tuple) else (where.value,)
    if not values:
        return _nothing()
    if FIELDS[where.field] is str:
        numbers = [word_number(where.field, str(value)) for value in values]
        match = MatchValue(numbers[0]) if where.op == "=" else MatchAny(numbers)
        return Filter(must=[FieldCondition("words", match=match)])
    bounds = [interval(where, float(value)) for value in values]
    return Filter(
        should=[FieldCondition(where.field, range=RangeFloat(gte=b.gte, gt=b.gt, lte=b.lte, lt=b.lt)) for b in bounds]
    )


def _nothing() -> Filter:
    """No word's number is negative."""
    return Filter(must=[FieldCondition("words", match=MatchAny([-1]))])
