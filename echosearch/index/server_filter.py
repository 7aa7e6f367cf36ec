"""Where -> a Qdrant server's filter. The twin of edge_filter.py: same rules, the other library's types."""

from __future__ import annotations

from qdrant_client import models

from echosearch.index.fields import interval, word_number
from echosearch.where import FIELDS, And, Comparison, Not, Or, Where

__all__ = ["server_filter"]


def server_filter(where: Where) -> models.Filter:
    """A field that a point lacks matches no comparison, so ``Not`` matches what is unknown."""
    match where:
        case And(parts):
            return models.Filter(must=[server_filter(part) for part in parts])
        case Or(parts):
            # an empty "should" would match everything
            return models.Filter(should=[server_filter(part) for part in parts]) if parts else _nothing()
        case Not(part):
            return models.Filter(must_not=[server_filter(part)])
        case Comparison():
            return _comparison(where)


def _comparison(where: Comparison) -> models.Filter:
    values = where.value if isinstance(where.value, tuple) else (where.value,)
    if not values:
        return _nothing()
    if FIELDS[where.field] is str:
        numbers = [word_number(where.field, str(value)) for value in values]
        match: models.Match = models.MatchValue(value=numbers[0]) if where.op == "=" else models.MatchAny(any=numbers)
        return models.Filter(must=[models.FieldCondition(key="words", match=match)])
    bounds = [interval(where, float(value)) for value in values]
    return models.Filter(
        should=[
            models.FieldCondition(key=where.field, range=models.Range(gte=b.gte, gt=b.gt, lte=b.lte, lt=b.lt))
            for b in bounds
        ]
    )


def _nothing() -> models.Filter:
    """No word's number is negative."""
    return models.Filter(must=[models.FieldCondition(key="words", match=models.MatchAny(any=[-1]))])
