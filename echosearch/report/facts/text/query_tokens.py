"""The tokens of a query: those of a report that mean something in a question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosearch.report.facts.text.tokens import Token

__all__ = ["tokens_of_query"]

_REPORTS_ONLY = {"earlier", "now", "recalled", "change", "new", "others", "poor", "skip"}
_NO_MORE_THAN = re.compile(r"not? (?:more|less|worse|greater) than\b", re.IGNORECASE)  # no denial but a comparison


def tokens_of_query(sentence: str, found: Sequence[Token]) -> list[Token]:
    """Return the tokens of a query's sentence that are read; を除く excludes there."""
    return [
        token._replace(kind="exclude") if sentence.startswith("を除", token.start) else token
        for token in found
        if token.kind not in _REPORTS_ONLY
        and sentence[token.start : token.end].strip("?")
        and not (token.kind == "negative" and _NO_MORE_THAN.match(sentence, token.start))
    ]
