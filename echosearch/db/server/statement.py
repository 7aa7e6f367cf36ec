"""Statements that a search asks again and again: a text is read for its placeholders once, which takes a third of what
it takes to ask PostgreSQL for a few rows."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import TextClause, text

__all__ = ["statement"]


@lru_cache(maxsize=300)
def statement(query: str, binary: bool = False) -> TextClause:
    """Return a query with placeholders like ``:name``; ``binary`` asks for rows in PostgreSQL's binary format."""
    made = text(query)
    return made.execution_options(binary=True) if binary else made
