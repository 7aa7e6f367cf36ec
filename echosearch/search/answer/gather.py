"""Everything that may be a hit: studies whose facts or words answer, and the nearest by each direction in the index.

All are compared exactly: a candidate of one arm is scored by the others too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from echosearch.db import lookup
from echosearch.db.lookup import StudyRow
from echosearch.db.studies.fact_conditions import count_stated, stated_studies, verdicts
from echosearch.db.studies.study_filter import study_filter
from echosearch.db.studies.words import holding
from echosearch.db.vectors.study_means import study_vectors
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

__all__ = ["count_answers", "gather"]


def gather(search: Searching, asked: Asked) -> tuple[list[Candidate], int]:
    """Candidates, each once and in no order, and how many points of the index the database does not know."""
    stated = _stated(search, asked)
    points = _nearest(search, asked, stated)
    if not points:
        check_filled(search, asked.kind)
    only_stated = not points and asked.kind == "studies" and asked.like is None  # videos cannot be asked for it
    keys = stated if only_stated else [*points]
    rows, vectors = _looked_up(search, asked, keys)
    kept = {key: row for key, row in rows.items() if key not in points or points[key].gen in row.gens}
    return _scored(search, asked, {key: (row, vectors[key]) for key, row in kept.items() if key in vectors}), len(
        keys
    ) - len(kept)


def count_answers(search: Searching, asked: Asked) -> int | None:
    """How many studies state the question; None under a condition that only videos meet, and of common words."""
    words = asked.words
    if not asked.is_about_studies or (words.terms and not words.rare and asked.only_words):
        return None  # too many to count while somebody waits
    condition, given = _about(asked)
    question = asked.question
    return count_stated(search.connection, search.encoder_id, question.required, question.excluded, condition, given)


def _about(asked: Asked) -> tuple[str, dict[str, object]]:
    """Conditions on a study beside its facts: people and dates, and the words of a query that has no finding."""
    condition, given = study_filter(asked.where if asked.is_about_studies else None)
    if asked.only_words and asked.words.terms:
        has_words, word_given = holding(asked.words.terms, every=not asked.words.either)
        return f"({condition}) and {has_words}", given | word_given
    return condition, given


def _stated(search: Searching, asked: Asked) -> list[str]:
    """Keys of studies whose report answers."""
    question = asked.question
    condition, given = _about(asked)
    wanted = (search.connection, search.encoder_id, question.required, question.excluded, asked.depth)
    stated = stated_studies(*wanted, condition, given)
    if asked.words.rare and question.required:  # those that have a word too, however many state the findings
        has_words, word_given = holding(asked.words.rare, every=False)
        worded = stated_studies(*wanted, f"({condition}) and {has_words}", given | word_given)
        stated = list(dict.fromkeys([*worded, *stated]))
    return stated


def _nearest(search: Searching, asked: Asked, stated: Sequence[str]) -> dict[str, Scored]:
    """Points of the index, by key: the nearest in each direction, and those of the studies that state the question."""
    index, collection = search.archive.index, search.archive.collection(asked.kind)
    search.asked.add(asked.kind)
    directions = asked.directions()
    if asked.only_words and asked.kind == "videos" and stated:  # any direction will do to find their videos
        directions = [*study_vectors(search.connection, search.encoder_id, stated[:1]).values()]
    theirs = combine_and(asked.among, Comparison("study", "in", tuple(stated))) if stated else None
    points = {}
    for direction in directions:
        for point in index.search(collection, direction, asked.depth, asked.among) if not asked.only_words else ():
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
    rows = lookup.studies_about(search.connection, search.encoder_id, keys)
    return rows, study_vectors(search.connection, search.encoder_id, [*rows])


def _scored(search: Searching, asked: Asked, found: Mapping[str, tuple[StudyRow, Vectors]]) -> list[Candidate]:
    if not found:
        return []
    rows, vectors = [row for row, _ in found.values()], np.stack([vector for _, vector in found.values()])
    studies = sorted({row.study for row in rows})
    said = verdicts(search.connection, asked.question.required, asked.question.excluded, studies)
    verdict = [said.get(row.study, "silent") for row in rows]
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
