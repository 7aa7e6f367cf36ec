"""Everything that may be a hit: studies whose facts or words answer, and the nearest by each direction in the index.

All are compared exactly: a candidate of one arm is scored by the others too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from echosearch.db import lookup
from echosearch.db.lookup import StudyRow
from echosearch.db.questions.study_bits import Answer, answer, newest_stated, numbers_meeting
from echosearch.db.studies.words import holding
from echosearch.encoder.text.report_words import Term
from echosearch.filters import Comparison
from echosearch.index.base import Scored
from echosearch.search.answer.asked import Asked
from echosearch.search.answer.candidates import Candidate, Scores
from echosearch.search.arms.likeness import likeness, order_with_likeness
from echosearch.search.arms.weights import words_weight
from echosearch.search.arms.word_arm import WordScore
from echosearch.search.filter_rules import combine_and
from echosearch.search.study_hits import Searching, check_filled
from echosearch.vector import Vectors

__all__ = ["gather"]


def gather(search: Searching, asked: Asked) -> tuple[list[Candidate], int, int | None]:
    """Candidates, each once and in no order; how many points of the index the database does not know; the total.

    The total is that of studies that answer; None under a condition that only videos meet, and of common words.
    """
    said = _said(search, asked)
    stated = _stated(search, asked, said)
    points = _nearest(search, asked, stated)
    if not points:
        check_filled(search, asked.kind)
    keys = [*points]
    if asked.kind == "studies" and asked.aside is None:  # what is left aside the index knows
        keys = [*dict.fromkeys([*keys, *stated])]
    rows, vectors = _looked_up(search, asked, keys)
    kept = {key: row for key, row in rows.items() if key not in points or points[key].gen in row.gens}
    found = {key: (row, vectors[key]) for key, row in kept.items() if key in vectors}
    return _scored(search, asked, said, found), len(keys) - len(kept), said.total if _is_counted(asked) else None


def _is_counted(asked: Asked) -> bool:
    words = asked.words
    return asked.is_about_studies and not (words.terms and not words.rare and asked.only_words)


def _said(search: Searching, asked: Asked) -> Answer:
    """What reports say: facts, under the condition on people and dates, and the words of a query without a finding."""
    question = asked.question
    where = asked.where if asked.is_about_studies else None
    said = answer(search.connection, search.encoder_id, question.required, question.excluded, where)
    if asked.only_words:
        return _having(search, said, asked.words.terms, every=not asked.words.either)
    return said


def _having(search: Searching, said: Answer, terms: Sequence[Term], every: bool) -> Answer:
    """The same of the studies whose report has all, or any, of these terms."""
    return said.among(numbers_meeting(search.connection, *holding(terms, every)))


def _stated(search: Searching, asked: Asked, said: Answer) -> list[str]:
    """Keys of studies whose report answers, the newest of more than are asked for."""
    stated = newest_stated(search.connection, said, asked.depth)
    if asked.words.rare and asked.question.required:  # those that have a word too, however many state the findings
        worded = _having(search, said, asked.words.rare, every=False)
        stated = list(dict.fromkeys([*newest_stated(search.connection, worded, asked.depth), *stated]))
    return stated


def _nearest(search: Searching, asked: Asked, stated: Sequence[str]) -> dict[str, Scored]:
    """Points of the index, by key: the nearest in each direction, and the videos of the studies that answer."""
    index, collection = search.archive.index, search.archive.collection(asked.kind)
    search.asked.add(asked.kind)
    directions = asked.directions()
    theirs = combine_and(asked.among, Comparison("study", "in", tuple(stated))) if stated else None
    if asked.kind == "studies" and asked.aside is None:
        theirs = None  # the database knows them
    elif asked.only_words and asked.kind == "videos" and stated:  # any direction will do to find their videos
        _, vectors = lookup.studies_with_vectors(search.connection, search.encoder_id, stated[:1])
        directions = [*vectors.values()]
    points = {}
    for direction in directions:
        depth = asked.depth_of(direction is directions[-1])
        for point in index.search(collection, direction, depth, asked.among) if not asked.only_words else ():
            points[point.key] = point
        for point in index.search(collection, direction, asked.depth, theirs) if theirs is not None else ():
            points[point.key] = point
    return points


def _looked_up(
    search: Searching, asked: Asked, keys: Sequence[str]
) -> tuple[Mapping[str, StudyRow], Mapping[str, Vectors]]:
    """Return the rows that may be shown, and raw vectors (D,), by key."""
    if asked.kind == "videos":
        stored = lookup.videos_with_keys(search.connection, search.encoder_id, keys)
        return {key: one.about for key, one in stored.items()}, {key: one.vector for key, one in stored.items()}
    return lookup.studies_with_vectors(search.connection, search.encoder_id, keys)


def _scored(
    search: Searching, asked: Asked, said: Answer, found: Mapping[str, tuple[StudyRow, Vectors]]
) -> list[Candidate]:
    if not found:
        return []
    rows, vectors = [row for row, _ in found.values()], np.stack([vector for _, vector in found.values()])
    studies = sorted({row.study for row in rows})
    verdict = [said.verdict(row.number) for row in rows]
    worded = asked.words.scores(search.connection, studies)
    words = [worded.get(row.study, WordScore(0.0, 0.0)) for row in rows]
    scores = asked.videos.scores(vectors)
    covered: Scores = np.array([one.covered for one in words])
    beliefs: Scores = asked.scale.believe(scores)
    order: Scores = asked.scale.order(scores) + words_weight() * covered
    if asked.only_words:
        beliefs = order = np.array([one.bm25 for one in words])
    cosines = None
    if asked.like is not None:
        cosines = likeness(vectors, asked.like)
        order = order_with_likeness(cosines, order, np.array([one == "stated" for one in verdict]))
    return [
        Candidate(
            *(row, vectors[i], verdict[i], scores[i], float(order[i]), float(beliefs[i]), words[i]),
            likeness=None if cosines is None else float(cosines[i]),
        )
        for i, row in enumerate(rows)
    ]
