"""Turn a Where into a Qdrant server's filter. The twin of edge/filter.py: same rules, the other library's types."""

from __future__ import annotations

from qdrant_client import models

from echosearch.filters import FIELDS, And, Comparison, Not, Or, Where, flatten_and
from echosearch.index.fields import interval, word_number

__all__ = ["server_filter"]

Condition = models.FieldCondition | models.Filter


def server_filter(where: Where) -> models.Filter:
    """Return the server's filter. A field that a point lacks matches no comparison, so ``Not`` matches unknown values.

    The filter is as flat as possible: an engine plans the conditions of one "must" together, nested filters apart.
    """
    made = _condition(where)
    return made if isinstance(made, models.Filter) else models.Filter(must=[made])


def _condition(where: Where) -> Condition:
    match where:
        case And():
            return models.Filter(must=[_condition(part) for part in flatten_and(where)])
        case Or(parts):
            # an empty "should" would match everything
            return models.Filter(should=[_condition(part) for part in parts]) if parts else _nothing()
        case Not(part):
            return models.Filter(must_not=[_condition(part)])
        case Comparison():
            return _comparison(where)


def _comparison(where: Comparison) -> Condition:
    values = where.value if isinstance(where.value, tuple) else (where.value,)
    if not values:
        return _nothing()
    if FIELDS[where.field] is str:
        numbers = [word_number(where.field, str(value)) for value in values]
        match: models.Match = models.MatchValue(value=numbers[0]) if where.op == "=" else models.MatchAny(any=numbers)
        return models.FieldCondition(key="words", match=match)
    bounds = [interval(where, float(value)) for value in values]
    ranges = [
        models.FieldCondition(key=where.field, range=models.Range(gte=b.gte, gt=b.gt, lte=b.lte, lt=b.lt))
        for b in bounds
    ]
    return ranges[0] if len(ranges) == 1 else models.Filter(should=[*ranges])


def _nothing() -> models.FieldCondition:
    """Return a condition that no point matches: no word's number is negative."""
    return models.FieldCondition(key="words", match=models.MatchAny(any=[-1]))
