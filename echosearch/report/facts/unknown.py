"""Phrases that no rule covers, most frequent first: what a lexicon should learn next.

Text of reports identifies patients: what comes out of here is theirs, and is shown to whoever may read reports.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.lexicon.load import load_lexicon
from echosearch.report.facts.query.rest import rest_of
from echosearch.report.facts.text.sentence import sentences
from echosearch.report.facts.text.tokens import tokens
from echosearch.report.facts.text.uniform import uniform

__all__ = ["unknown_phrases"]

_DISTINCT = 100_000  # phrases that are counted at a time; the rarest half is forgotten when there are more
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


def unknown_phrases(
    texts: Iterable[str], lexicon: Lexicon | None = None, distinct: int = _DISTINCT
) -> list[tuple[str, int]]:
    """Count the phrases of texts that no rule knows; numbers are written 0. Memory is bounded by ``distinct``."""
    lexicon = lexicon or load_lexicon()
    counts: Counter[str] = Counter()
    for text in texts:
        made = uniform(text).text
        for start, end in sentences(made):
            sentence = made[start:end]
            known = [(token.start, token.end) for token in tokens(sentence, lexicon)]
            counts.update(
                _DIGITS.sub("0", phrase) for phrase in rest_of(sentence, known).split() if 2 <= len(phrase) <= 40
            )
        if len(counts) > distinct:
            counts = Counter(dict(counts.most_common(distinct // 2)))
    return sorted(((phrase, count) for phrase, count in counts.items()), key=lambda item: (-item[1], item[0]))
