"""Everything that may be a hit: studies whose facts or words answer, and the nearest by each direction in the index.

All are compared exactly: a candidate of one arm is scored by the others too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from echosearch.archive import Archive
from echosearch.db import lookup
from echosearch.db.found_rows import (
    FoundRows,
    Numbers,
    found_studies,
    found_videos,
    key_bytes,
    numbered_studies,
    study_keys,
)
from echosearch.db.questions.study_bits import Answer, answer, newest_stated, numbers_meeting
from echosearch.db.studies.words import holding
from echosearch.encoder.text.report_words import Term
from echosearch.filters import Comparison
from echosearch.index.base import Scored
from echosearch.search.answer.asked import Asked
from echosearch.search.answer.candidates import DENIED, SILENT, STATED, Candidates, Scores
from echosearch.search.arms.likeness import likeness, order_with_likeness
from echosearch.search.arms.weights import words_weight
from echosearch.search.arms.word_arm import WordScore
from echosearch.search.filter_rules import combine_and
from echosearch.search.study_hits import Searching, check_filled

__all__ = ["gather"]

_NO_WORDS = WordScore(0.0, 0.0)


def gather(search: Searching, asked: Asked) -> tuple[Candidates, int, int | None]:
    """Return candidates, each once and in no order; how many points the database does not know; the total.

    The total is that of studies that answer; None under a condition that only videos meet, and of common words.
    """
    search.asked.add(asked.kind)
    said = _said(search, asked)
    enough = asked.enough(said.total)
    likely = _is_of_reports(asked) and said.total >= enough
    with ThreadPoolExecutor(max_workers=1) as beside:  # the index is asked while PostgreSQL reads rows
        nearest = None if likely else beside.submit(_nearest, search.archive, asked)
        stated = _stated(search, asked, said)
        rows = _answering(search, asked, stated)
        found = _theirs(search, asked, stated)
        settled = likely and _hits(asked, said, rows, found) >= enough
        if nearest is not None:
            found += nearest.result()
        elif not settled:
            found += _nearest(search.archive, asked)
    points = {point.key: point.gen for each in found for point in each}
    if not points and not settled:
        check_filled(search, asked.kind)
    rows = rows.with_more(_looked_up(search, asked, rows, [*points]))
    kept = rows.only(_known(rows, points) & _seen(search, rows))
    seen = int(np.isin(key_bytes([*points]), kept.keys).sum()) if points else 0
    return _scored(search, asked, said, kept), len(points) - seen, said.total if _is_counted(asked) else None


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


def _stated(search: Searching, asked: Asked, said: Answer) -> Numbers:
    """Numbers of studies whose report answers, the newest of more than are asked for."""
    stated = newest_stated(search.connection, said, asked.depth)
    if asked.words.rare and asked.question.required:  # those that have a word too, however many state the findings
        worded = _having(search, said, asked.words.rare, every=False)
        stated = np.union1d(newest_stated(search.connection, worded, asked.depth), stated)
    return stated


def _is_known(asked: Asked) -> bool:
    """Whether the database alone can tell which of the studies that answer may be hits: the index knows the rest."""
    return asked.kind == "studies" and asked.aside is None


def _is_of_reports(asked: Asked) -> bool:
    """Whether studies whose report answers come before all others."""
    return asked.like is None and asked.aside is None


def _hits(asked: Asked, said: Answer, rows: FoundRows, theirs: Sequence[Sequence[Scored]]) -> int:
    """How many hits the studies are whose report answers: their rows, or their points of the index."""
    if asked.kind == "videos":
        names = {"video": "key", "study": "study", "patient": "patient"}
        return len({getattr(point, names[asked.group]) for each in theirs for point in each})
    stated, _ = said.said(rows.numbers)
    groups = rows.patients if asked.group == "patient" else rows.studies
    return len(np.unique(groups[stated]))


def _nearest(archive: Archive, asked: Asked) -> list[list[Scored]]:
    """The nearest points of the index, in each direction."""
    directions = asked.directions()
    if asked.only_words or not directions:  # of a change alone: reports answer it, and no video
        return []
    depths = [asked.depth_of(place == len(directions) - 1) for place in range(len(directions))]
    return archive.index.search_each(archive.collection(asked.kind), np.stack(directions), depths, asked.among)


def _theirs(search: Searching, asked: Asked, stated: Numbers) -> list[list[Scored]]:
    """Points of the studies that answer, where the index decides which of these may be hits."""
    if _is_known(asked) or not len(stated):
        return []
    keys = study_keys(search.connection, stated)
    directions = asked.directions()
    if asked.only_words and asked.kind == "videos":  # any direction will do to find their videos
        _, vectors = lookup.studies_with_vectors(search.connection, search.encoder_id, keys[:1])
        directions = [*vectors.values()]
    if not directions:
        return []
    theirs = combine_and(asked.among, Comparison("study", "in", tuple(keys)))
    index, collection = search.archive.index, search.archive.collection(asked.kind)
    return index.search_each(collection, np.stack(directions), [asked.depth] * len(directions), theirs)


def _answering(search: Searching, asked: Asked, stated: Numbers) -> FoundRows:
    """The studies that answer, where the database alone can tell that they may be hits."""
    if not _is_known(asked):
        stated = stated[:0]
    return numbered_studies(search.connection, search.encoder_id, stated)


def _looked_up(search: Searching, asked: Asked, rows: FoundRows, points: Sequence[str]) -> FoundRows:
    """The rows of those points that are not in ``rows`` yet."""
    there = set(rows.keys.tolist())
    missing = [point for point, key in zip(points, key_bytes(points).tolist(), strict=True) if key not in there]
    found = found_videos if asked.kind == "videos" else found_studies
    return found(search.connection, search.encoder_id, missing)


def _seen(search: Searching, rows: FoundRows) -> NDArray[np.bool_]:
    """(N,) which rows the viewer may see, whatever the index was asked."""
    viewer = search.archive.viewer
    if viewer.scope is None:
        return np.ones(len(rows), dtype=np.bool_)
    return np.array([viewer.sees(*one) for one in rows.attributes()], dtype=np.bool_)


def _known(rows: FoundRows, points: Mapping[str, int]) -> NDArray[np.bool_]:
    """(N,) which rows have the generation that their point has; a study that answers needs no point."""
    keys = key_bytes([*points])
    found = dict(zip(keys.tolist(), points.values(), strict=True))
    return np.array(
        [
            key not in found or found[key] in gens
            for key, gens in zip(rows.keys.tolist(), rows.gens.tolist(), strict=True)
        ],
        dtype=np.bool_,
    )


def _scored(search: Searching, asked: Asked, said: Answer, rows: FoundRows) -> Candidates:
    stated, denied = said.said(rows.numbers)
    tiers = np.where(denied, DENIED, np.where(stated, STATED, SILENT)).astype(np.int8)
    covered: Scores = np.zeros(len(rows))
    bm25 = covered
    if asked.words.terms and len(rows):
        studies = rows.study_names()
        worded = asked.words.scores(search.connection, sorted(set(studies)))
        bm25, covered = (
            np.array(column) for column in zip(*(worded.get(one, _NO_WORDS) for one in studies), strict=True)
        )
    scores = asked.videos.scores(rows.vectors) if len(rows) else np.zeros((0, len(asked.videos.conditions)))
    certain = _certain(search, asked, rows, silent=not (stated | denied).all())
    fit = asked.scale.order(scores, certain)
    beliefs: Scores = asked.scale.believe(scores, fit, certain)
    order: Scores = fit + words_weight() * covered
    if asked.only_words:
        beliefs = order = bm25
    cosines = None
    if asked.like is not None and len(rows):
        cosines = likeness(rows.vectors, asked.like)
        order = order_with_likeness(cosines, order, stated)
    return Candidates(rows, tiers, scores, certain, order, beliefs, bm25, covered, cosines)


def _certain(search: Searching, asked: Asked, rows: FoundRows, silent: bool) -> NDArray[np.bool_]:
    """(N, C) which conditions the reports state, of several: a silent report may state some and not speak of others."""
    conditions = asked.videos.conditions
    known = np.zeros((len(rows), len(conditions)), dtype=np.bool_)
    if silent and len(conditions) > 1:
        for c, condition in enumerate(conditions):
            known[:, c], _ = answer(search.connection, search.encoder_id, (condition,), ()).said(rows.numbers)
    return known
