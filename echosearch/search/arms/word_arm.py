"""The word arm: reports that contain what no rule understands, ranked by BM25 (Robertson and Zaragoza 2009).

    bm25 = sum over terms of idf tf (k + 1) / (tf + k (1 - b + b length / AVERAGE)), as a share of its upper bound

idf is that of a term's rarest word, which phi.word knows without counting. Beside a finding, a study is ranked by the
share of the terms that its report has at all (by idf): how often and in how long a report would outweigh the videos.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from echosearch.db import Connection
from echosearch.db.studies.identified import report_texts
from echosearch.db.studies.words import (
    StudyWords,
    is_in_a_report,
    may_read_words,
    served_reports,
    word_counts,
    words_of,
)
from echosearch.encoder.text.report_words import QueryTerms, Term, places_of, report_words
from echosearch.report.facts import Lexicon
from echosearch.search.arms.found_words import FoundWord, FoundWords

__all__ = ["AskedWords", "WordScore", "ask_words"]

_K, _B = 1.2, 0.75
AVERAGE = 60  # words of a report that tell something
MAX_PLACED = 200  # studies
COMMON = (
    100_000  # reports; a word of more ranks what is found otherwise, and its reports are neither joined nor counted
)


class WordScore(NamedTuple):
    """How well a report has the terms, both 0 to 1."""

    bm25: float
    covered: float  # share of the terms that it has, by idf


@dataclass(frozen=True)
class AskedWords:
    """The terms of a query that reports have, with their weights, and those that none has."""

    lexicon: Lexicon = field(repr=False)
    terms: tuple[Term, ...] = ()
    weights: tuple[float, ...] = field(default=(), repr=False)  # idf
    rare: tuple[Term, ...] = ()  # those of the terms that COMMON reports or fewer have
    missing: tuple[str, ...] = ()  # terms that no report has, or that this role may not ask for
    readable: bool = True  # False: this role may not read the words of reports
    either: bool = False  # one of the terms is enough

    @property
    def holds(self) -> bool:
        """Whether reports may have all the terms, or one where that is enough."""
        return bool(self.terms) and (self.either or not self.missing)

    @property
    def note(self) -> str | None:
        """What to know of the terms that were not searched."""
        if not self.missing:
            return None
        named = ", ".join(self.missing)
        if self.readable:
            return f"no report has these words: {named}"
        return f"not searched: {named}: this role may not read the words of reports (docs/operations.md)"

    def scores(self, connection: Connection, studies: Sequence[str]) -> dict[str, WordScore]:
        """Return the scores of each study whose report has a term."""
        if not self.terms:
            return {}
        words = sorted({word for term in self.terms for word in term.words})
        found = {study: self._score(one) for study, one in words_of(connection, studies, words).items()}
        return {study: score for study, score in found.items() if score.covered}

    def _score(self, study: StudyWords) -> WordScore:
        long = _K * (1 - _B + _B * study.length / AVERAGE)
        times = [_times(term, study) for term in self.terms]
        every = sum(self.weights)
        bm25 = sum(w * tf / (tf + long) for w, tf in zip(self.weights, times, strict=True)) / every
        return WordScore(bm25, sum(w for w, tf in zip(self.weights, times, strict=True) if tf) / every)

    def found(self, connection: Connection, scores: Mapping[str, float]) -> dict[str, FoundWords]:
        """Find the terms in the reports of these studies, given with their scores; of more than MAX_PLACED
        studies, whose texts would all be read, without the places."""
        if not scores or len(scores) > MAX_PLACED:
            return {study: FoundWords(score) for study, score in scores.items()}
        keys = served_reports(connection, [*scores])
        texts = report_texts(connection, [*keys.values()])
        made = {}
        for study, report in keys.items():
            said = report_words(texts.get(report, ""), self.lexicon)
            places = [FoundWord(term.text, *place) for term in self.terms for place in places_of(term, said)]
            made[study] = FoundWords(scores[study], tuple(sorted(places, key=lambda one: one.start)))
        return made


def _times(term: Term, study: StudyWords) -> int:
    """How often a report has a term."""
    places = [{place for place, denied in study.places.get(word, ()) if denied == term.denied} for word in term.words]
    ends = places[0]
    for here in places[1:]:
        ends = {end + step for end in ends for step in range(1, term.span + 1) if end + step in here}
    return len(ends)


def ask_words(connection: Connection, asked: QueryTerms, lexicon: Lexicon) -> AskedWords:
    """Ask the archive which of these terms its reports have."""
    terms = asked.terms
    if not terms:
        return AskedWords(lexicon)
    if not may_read_words(connection):
        return AskedWords(lexicon, missing=tuple(map(str, terms)), readable=False)
    counts, every = word_counts(connection, [word for term in terms for word in term.words])
    held, weights, rare, missing = [], [], [], []
    for term in terms:
        rarest = min(counts.get(word, 0) for word in term.words)
        if rarest > 0 and is_in_a_report(connection, term):
            held.append(term)
            rare += [term] if rarest <= COMMON else []
            weights.append(math.log(1 + (every - rarest + 0.5) / (rarest + 0.5)))
        else:
            missing.append(str(term))
    return AskedWords(lexicon, tuple(held), tuple(weights), tuple(rare), tuple(missing), either=asked.either)
